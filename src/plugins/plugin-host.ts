import type { Alarm, Awaitable } from '../session/label-store.ts';
import type { Violation } from '../engine/decision.ts';
import type { CallDeadline } from '../engine/call-deadline.ts';
import type {
  CallContext,
  CallbackAnswer,
  Capability,
  DelegateOutcome,
  ElicitInput,
  ElicitOutcome,
  HookName,
  IdentityOutcome,
  OnError,
  Plugin,
  PluginMode,
  PluginOutcome,
} from '../engine/plugin.ts';
import { isAuthentication, readAnswer } from '../engine/elicitation/question.ts';
import { isHeaderToken, mayCarryCredential } from '../engine/credential-header.ts';
import { withHiddenToken } from '../engine/hidden-token.ts';
import { isJson } from '../engine/values.ts';
import type { InvokeResult, PluginFailure, PluginHandle } from '../engine/plugin-handle.ts';
import { Breaker } from './breaker.ts';
import { frozenCopy, viewOf, viewOfExtensions, withImplied } from './capability-view.ts';
import { isPageUrl } from './page-url.ts';
import { changesPermitted } from './permitted-changes.ts';
import { RecordView } from './record-view.ts';
import { isRecord, isStrings } from '../text/shape.ts';

/** A plugin entry as the bundle has it, defaults filled in. */
export interface PluginEntry {
  readonly name: string;
  readonly kind: string;
  readonly hooks: readonly HookName[];
  readonly mode: PluginMode;
  readonly priority: number;
  readonly onError: OnError;
  readonly capabilities: readonly Capability[];
}

export interface PluginHostOptions {
  /** Most time that one call may take, in milliseconds. */
  readonly timeout: number;
  readonly alarm: (alarm: Alarm) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

const ALLOW: InvokeResult = Object.freeze({ outcome: 'allow' });

/**
 * Wraps a plugin so that a throw, a rejection, a wrong answer or a late one is a failed call. A failed `invoke` denies
 * with `plugin.<name>.error` under `on_error: fail`; under `ignore` it is alarmed and passes; under `disable` the plugin
 * also rests for `DISABLE_FOR`, after which one call tries it while the others still pass. Source: plugin specification,
 * "Plugins".
 */
export function hostPlugin(entry: PluginEntry, plugin: Plugin, options: PluginHostOptions): PluginHandle {
  const capabilities = withImplied(entry.capabilities);
  const mayChange = entry.mode === 'sequential' || entry.mode === 'transform';
  const permission = { mayChange, capabilities };
  const failure = (cause: PluginFailure['cause']): PluginFailure => ({
    outcome: 'failed',
    cause,
    violation: { code: `plugin.${entry.name}.error`, reason: `plugin \`${entry.name}\` gave no answer`, details: {} },
  });
  const breaker = new Breaker(entry.name, options);

  const observesOnly = plugin.invoke === undefined && plugin.observe !== undefined;

  const call = <Answer>(
    hook: HookName,
    run: ((call: CallContext) => Awaitable<Answer>) | undefined,
    accepts: (answer: Answer) => boolean,
    outer: Outer | undefined,
  ): Awaitable<Answer | PluginFailure> => {
    if (run === undefined || !entry.hooks.includes(hook)) {
      options.alarm({ alarm: 'plugin_failure', plugin: entry.name, hook, failure: 'hook' });
      return failure('hook');
    }
    const read = (answer: Timely<Answer>): Answer | PluginFailure => {
      if (answer.kind === 'answer' && accepts(answer.value)) return answer.value;
      const what = answer.kind === 'answer' ? 'answer' : answer.kind;
      options.alarm({ alarm: 'plugin_failure', plugin: entry.name, hook, failure: what });
      return failure(what);
    };
    const answer = inTime(run, options.timeout, outer);
    return answer instanceof Promise ? answer.then(read) : read(answer);
  };

  return {
    name: entry.name,
    kind: entry.kind,
    mode: entry.mode,
    priority: entry.priority,
    hooks: entry.hooks,
    modifies: mayChange && !observesOnly,
    observesOnly,
    observe: observerOf(entry.name, plugin, capabilities, options.alarm),
    admit: admissionOf(entry.name, plugin, failure('error').violation, options.alarm),
    async invoke(input, signal) {
      if (observesOnly && entry.hooks.includes(input.hook)) return ALLOW;
      const view = viewOf(input, capabilities);
      const passage = entry.onError === 'disable' ? breaker.enter() : 'use';
      if (passage === undefined) return ALLOW;
      const run = plugin.invoke?.bind(plugin);
      const outcome = await call<PluginOutcome>(
        input.hook,
        run === undefined ? undefined : (context) => run(view, context),
        (answer) =>
          isPluginOutcome(answer) &&
          (answer.outcome !== 'modify' || changesPermitted({ ...answer }, input, permission)),
        outerOf(signal),
      );
      if (entry.onError === 'disable') breaker.left(passage, outcome.outcome !== 'failed');
      switch (outcome.outcome) {
        case 'allow':
          return ALLOW;
        case 'deny':
          return { outcome: 'deny', violation: outcome.violation, failed: false };
        case 'modify':
          return outcome.custom === undefined ? outcome : { ...outcome, custom: frozenCopy(outcome.custom) };
        case 'failed':
          if (entry.onError === 'fail') return { outcome: 'deny', violation: outcome.violation, failed: true };
          return ALLOW;
      }
    },
    resolveIdentity(input, deadline) {
      const run = plugin.resolveIdentity?.bind(plugin);
      const visible = Object.freeze({ entity: frozenCopy(input.entity), headers: frozenCopy({ ...input.headers }) });
      return call<IdentityOutcome>(
        'identity.resolve',
        run === undefined ? undefined : (context) => run(visible, context),
        isIdentityOutcome,
        deadline,
      );
    },
    delegate(input, signal) {
      const run = plugin.delegate?.bind(plugin);
      const visible = Object.freeze({
        entity: frozenCopy(input.entity),
        extensions: viewOfExtensions(input.extensions, capabilities),
        credentials: capabilities.has('read_inbound_credentials')
          ? Object.freeze(input.credentials.map(({ role, header, token }) => withHiddenToken({ role, header }, token)))
          : [],
        config: frozenCopy(input.config),
      });
      return call<DelegateOutcome>(
        'token.delegate',
        run === undefined ? undefined : (context) => run(visible, context),
        isDelegateOutcome,
        outerOf(signal),
      );
    },
    checkDelegate: (config) => plugin.checkDelegate?.(config) ?? [],
    async readAnswer(message) {
      const read = plugin.readAnswer?.bind(plugin);
      if (read === undefined) return undefined;
      const answer = await inTime(() => read(message), options.timeout, undefined);
      if (answer.kind === 'answer') return isCallbackAnswer(answer.value) ? answer.value : undefined;
      options.alarm({ alarm: 'plugin_failure', plugin: entry.name, hook: 'elicit', failure: answer.kind });
      return undefined;
    },
    checkElicit: (verb) => plugin.checkElicit?.(verb) ?? [],
    elicit(input, signal) {
      const run = plugin.elicit?.bind(plugin);
      const visible = Object.freeze({
        ...input,
        entity: frozenCopy(input.entity),
        extensions: viewOfExtensions(input.extensions, capabilities),
        args: frozenCopy(input.args),
        shown: frozenCopy(input.shown),
        config: frozenCopy(input.config),
      });
      return call<ElicitOutcome>(
        'elicit',
        run === undefined ? undefined : (context) => run(visible, context),
        (answer) => isElicitOutcome(answer, input),
        outerOf(signal),
      );
    },
  };
}

/** `observe` of a plugin, with its capability view and its failures alarmed. */
function observerOf(
  name: string,
  plugin: Plugin,
  capabilities: ReadonlySet<Capability>,
  alarm: PluginHostOptions['alarm'],
): PluginHandle['observe'] {
  const observe = plugin.observe?.bind(plugin);
  if (observe === undefined) return undefined;
  const failed = (): void => alarm({ alarm: 'audit_write_failed', plugin: name, failure: 'error' });
  return (record) => {
    try {
      const answer = observe(new RecordView(record, capabilities));
      if (answer instanceof Promise) answer.catch(failed);
    } catch {
      failed();
    }
  };
}

/** `admit` of a plugin: what is neither a violation nor nothing refuses the phase. */
function admissionOf(
  name: string,
  plugin: Plugin,
  failure: Violation,
  alarm: PluginHostOptions['alarm'],
): PluginHandle['admit'] {
  const admit = plugin.admit?.bind(plugin);
  if (admit === undefined) return undefined;
  return () => {
    let answer: unknown;
    try {
      answer = admit();
      if (answer === undefined || isViolation(answer)) return answer;
    } catch {
      answer = undefined;
    }
    if (answer instanceof Promise) answer.catch(() => undefined);
    alarm({ alarm: 'plugin_failure', plugin: name, failure: 'admit' });
    return failure;
  };
}

type Timely<Answer> = { readonly kind: 'answer'; readonly value: Answer } | { readonly kind: 'timeout' | 'error' };

/**
 * Runs a call under a time limit. Never rejects; a call that is given up gets its signal aborted. A call that answers at
 * once is answered at once.
 */
export function inTime<Answer>(
  run: (call: CallContext) => Awaitable<Answer>,
  limit: number,
  outer: Outer | undefined,
): Awaitable<Timely<Answer>> {
  if (outer?.aborted === true) return { kind: 'error' };
  const call = new LimitedCall(outer);
  let answer: Awaitable<Answer>;
  try {
    answer = run(call);
    if (!isThenable(answer)) return { kind: 'answer', value: answer };
  } catch {
    return { kind: 'error' };
  }
  return waitFor(answer, limit, call, outer?.signal);
}

/** What a call is part of: it ends when that does. */
type Outer = Pick<CallDeadline, 'aborted' | 'signal'>;

export function outerOf(signal: AbortSignal | undefined): Outer | undefined {
  return signal && { aborted: signal.aborted, signal };
}

/** What a call is given; most never ask for its signal. */
class LimitedCall implements CallContext {
  readonly #outer: Outer | undefined;
  #controller: AbortController | undefined;
  #signal: AbortSignal | undefined;
  #over = false;

  constructor(outer: Outer | undefined) {
    this.#outer = outer;
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#controller = new AbortController();
      const { signal } = this.#controller;
      this.#signal = this.#outer === undefined ? signal : AbortSignal.any([this.#outer.signal, signal]);
      if (this.#over) this.#controller.abort();
    }
    return this.#signal;
  }

  giveUp(): void {
    this.#over = true;
    this.#controller?.abort();
  }
}

async function waitFor<Answer>(
  pending: PromiseLike<Answer>,
  limit: number,
  call: LimitedCall,
  outer: AbortSignal | undefined,
): Promise<Timely<Answer>> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      settle({ kind: 'timeout' });
      call.giveUp();
    }, limit);
    const abandon = (): void => settle({ kind: 'error' });
    const settle = (answer: Timely<Answer>): void => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', abandon);
      resolve(answer);
    };
    outer?.addEventListener('abort', abandon, { once: true });
    // A promise of another make may throw where its own would reject.
    const answering = async (): Promise<Answer> => pending;
    answering().then((value) => settle({ kind: 'answer', value }), abandon);
  });
}

function isThenable<Answer>(answer: Awaitable<Answer>): answer is Promise<Answer> {
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}

function isPluginOutcome(answer: unknown): answer is PluginOutcome {
  if (!isRecord(answer)) return false;
  switch (answer['outcome']) {
    case 'allow':
      return true;
    case 'deny':
      return isViolation(answer['violation']);
    case 'modify':
      return true;
    default:
      return false;
  }
}

function isIdentityOutcome(answer: unknown): answer is IdentityOutcome {
  if (!isRecord(answer)) return false;
  if (answer['outcome'] === 'denied') return isViolation(answer['violation']);
  if (answer['outcome'] !== 'identified' || !isRecord(answer['identity'])) return false;
  const { subject, client } = answer['identity'];
  return isPrincipal(subject, 'id') && isPrincipal(client, 'client_id');
}

/** Absent, or a record whose name is text and whose lists are lists: text in place of a list would match by its parts. */
function isPrincipal(value: unknown, name: 'id' | 'client_id'): boolean {
  if (value === undefined) return true;
  if (!isRecord(value) || (value[name] !== undefined && typeof value[name] !== 'string')) return false;
  return ['roles', 'permissions', 'teams'].every((list) => value[list] === undefined || isStrings(value[list]));
}

function isDelegateOutcome(answer: unknown): answer is DelegateOutcome {
  if (!isRecord(answer)) return false;
  if (answer['outcome'] === 'deny') return isViolation(answer['violation']);
  return (
    answer['outcome'] === 'granted' &&
    typeof answer['token'] === 'string' &&
    isHeaderToken(answer['token']) &&
    typeof answer['header'] === 'string' &&
    mayCarryCredential(answer['header']) &&
    isStrings(answer['permissions']) &&
    (answer['audience'] === undefined || typeof answer['audience'] === 'string') &&
    (answer['expiresAt'] === undefined || Number.isFinite(answer['expiresAt']))
  );
}

function isElicitOutcome(answer: unknown, input: ElicitInput): answer is ElicitOutcome {
  if (!isRecord(answer)) return false;
  const { approver, text, reason, authentication, state, expiresAt, page, form } = answer;
  switch (answer['outcome']) {
    case 'pending':
      return (
        (state === undefined || isJson(state)) &&
        (expiresAt === undefined || Number.isFinite(expiresAt)) &&
        (page === undefined || isPageUrl(page)) &&
        (form === undefined || (form === true && input.form === true && input.verb === 'confirm'))
      );
    case 'approved':
      return (
        isTextIfAny(approver) && isTextIfAny(text) && (authentication === undefined || isAuthentication(authentication))
      );
    case 'denied':
      return isTextIfAny(reason);
    case 'expired':
      return true;
    case 'unavailable':
    case 'invalid':
      return isViolation(answer['violation']);
    default:
      return false;
  }
}

function isCallbackAnswer(value: unknown): value is CallbackAnswer {
  if (!isRecord(value) || typeof value['question'] !== 'string' || !isRecord(value['answer'])) return false;
  return readAnswer({ ...value['answer'], at: 0 }) !== undefined;
}

function isTextIfAny(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isViolation(value: unknown): value is Violation {
  return (
    isRecord(value) &&
    typeof value['code'] === 'string' &&
    typeof value['reason'] === 'string' &&
    isRecord(value['details'])
  );
}
