import type { Step } from '../language/ast.ts';
import { compilePath, elicitationId, isPeek, type Accessor } from './attributes.ts';
import type { CompileScope } from './compile-scope.ts';
import { MAX_DURATION, parseDuration } from './elicitation/duration.ts';
import type { Elicited } from './elicitation/elicited.ts';
import { compilePurpose } from './elicitation/purpose.ts';
import { questionMessage } from './elicitation/question-message.ts';
import type { Violation } from './decision.ts';
import { EXPIRED, OTHER_QUESTION, approvedOnPeek, type QuestionDesk } from './elicitation/question-desk.ts';
import type { Answer, Authentication, Question } from './elicitation/question.ts';
import { digestOf, requesterOf, type Requester } from './elicitation/requester.ts';
import { shownArguments } from './elicitation/shown-arguments.ts';
import { VERBS, acceptedClasses, isFresh, refusalOfAnswer, refusalToAsk } from './elicitation/verbs.ts';
import type { Frame } from './frame.ts';
import { deny, denyWith, type Halt } from './halt.ts';
import type { ElicitInput, ElicitOutcome } from './plugin.ts';
import type { PluginFailure, PluginHandle } from './plugin-handle.ts';
import { compilePredicate } from './predicates.ts';

const PATH = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;
/** How long a question waits without a `timeout`, in milliseconds. */
const DEFAULT_TIMEOUT = 300_000;

type ElicitStep = Step & { readonly kind: 'elicit' };

/**
 * Compiles a question to a human. Pending suspends the phase. An answer counts for the caller, arguments, step, person and
 * bundle of its question, within its time, once. A human's no and whatever is wrong with an answer deny; only a question
 * that could not be put goes on with `on_error: continue`. Source: policy language sections 2 and 3.
 */
export function compileElicitation(
  step: ElicitStep,
  plugin: PluginHandle,
  place: string,
  scope: CompileScope,
): (frame: Frame) => Promise<Halt | undefined> {
  const run = new ElicitationStep(step, plugin, place, scope);
  return async (frame) => {
    try {
      const halt = await run.run(frame);
      if (halt?.kind === 'deny') await scope.questions.forget(frame);
      return halt;
    } catch (error) {
      return scope.questions.failed(error);
    }
  };
}

class ElicitationStep {
  readonly #step: ElicitStep;
  readonly #plugin: PluginHandle;
  readonly #place: string;
  readonly #desk: QuestionDesk;
  readonly #approver: (frame: Frame) => string | undefined;
  readonly #within: ((frame: Frame) => boolean) | undefined;
  readonly #purpose: ((frame: Frame) => string) | undefined;
  readonly #timeout: number | undefined;

  constructor(step: ElicitStep, plugin: PluginHandle, place: string, scope: CompileScope) {
    this.#step = step;
    this.#plugin = plugin;
    this.#place = place;
    this.#desk = scope.questions;
    this.#approver = compileApprover(step.from, scope);
    this.#within = step.scope === undefined ? undefined : compilePredicate(step.scope.predicate, scope);
    this.#purpose = step.purpose === undefined ? undefined : compilePurpose(step.purpose, scope);
    this.#timeout = step.timeout === undefined ? undefined : parseDuration(step.timeout);
  }

  async run(frame: Frame): Promise<Halt | undefined> {
    const requester = requesterOf(frame);
    if (requester === undefined) return UNIDENTIFIED;
    if (frame.operation.entity.type === 'http') return UNBOUND;
    const elicited = this.#desk.of(frame, requester.caller);
    const carried = await elicited.carried;
    if ('kind' in carried) return carried;
    const approver = this.#approver(frame);
    if (approver === undefined) return deny('elicitation.no_approver', `\`${this.#step.from}\` names nobody to ask`);
    const refusal = refusalToAsk(this.#step.verb, approver, requester, this.#step.config);
    if (refusal !== undefined) return deny(refusal.code, refusal.reason);
    if (this.#isSignedInLately(frame)) return undefined;
    const question = carried.find((candidate) => this.#isOwn(candidate, frame));
    if (question === undefined) return this.#ask(frame, elicited, requester, approver, carried);
    if (question.approver !== approver) return OTHER_QUESTION;
    if (question.arguments !== argumentsOf(frame)) return OTHER_ARGUMENTS;
    return this.#look(frame, elicited, requester, question);
  }

  #isOwn({ place, step, phase, verb, plugin, channel }: Question, frame: Frame): boolean {
    return (
      place === this.#place &&
      step === this.#step.text.span(this.#step.range.start, this.#step.range.end).start &&
      phase === frame.phase &&
      verb === this.#step.verb &&
      plugin === this.#plugin.name &&
      channel === (this.#step.channel ?? null)
    );
  }

  /** Puts a new question. */
  async #ask(
    frame: Frame,
    elicited: Elicited,
    requester: Requester,
    approver: string,
    carried: readonly Question[],
  ): Promise<Halt | undefined> {
    const { verb, config, channel } = this.#step;
    const shown = shownArguments(frame.nextArgs, VERBS[verb].showsAll, config);
    if (shown === undefined) return TOO_LARGE;
    const { type, scope, name } = frame.operation.entity;
    const askedAt = this.#desk.now;
    const question = await this.#desk.store.open({
      id: this.#desk.newId(),
      verb,
      plugin: this.#plugin.name,
      kind: this.#plugin.kind,
      channel: channel ?? null,
      caller: requester.caller,
      requester: requester.name,
      entity: [type, scope ?? '', name],
      route: frame.routeKey ?? null,
      phase: frame.phase,
      place: this.#place,
      step: this.#step.text.span(this.#step.range.start, this.#step.range.end).start,
      approver,
      arguments: argumentsOf(frame),
      bundle: this.#desk.digest,
      purpose: this.#purpose?.(frame) ?? null,
      shown,
      askedAt,
      expiresAt: askedAt + (this.#timeout ?? DEFAULT_TIMEOUT),
      state: null,
      listed: false,
      page: null,
      session: null,
      form: false,
      earlier: carried.map(({ id }) => id),
      slots: [],
    });
    let outcome: ElicitOutcome | PluginFailure;
    let isOpen = false;
    try {
      outcome = await this.#plugin.elicit(this.#inputOf(question, frame), frame.signal);
      if (outcome.outcome === 'pending') {
        const asked = await this.#desk.store.asked({
          ...question,
          state: outcome.state ?? null,
          listed: outcome.listed === true,
          page: outcome.page ?? null,
          session: outcome.page === undefined ? null : (frame.operation.elicitation?.session ?? null),
          form: outcome.form === true,
          expiresAt: this.#expiryOf(question, outcome.expiresAt),
        });
        if (asked.session !== null) await this.#desk.recall(frame, asked);
        isOpen = true;
        return this.#pending(asked, elicited);
      }
    } finally {
      if (!isOpen) await this.#desk.store.discard(question);
    }
    switch (outcome.outcome) {
      case 'unavailable':
        return this.#unasked(outcome.violation);
      case 'failed':
        return outcome.cause === 'error' || outcome.cause === 'timeout'
          ? this.#unasked(outcome.violation)
          : denyWith(outcome.violation);
      case 'invalid':
        return denyWith(outcome.violation);
      case 'expired':
        return EXPIRED;
      case 'approved':
      case 'denied':
        // There is nothing to use up: the answer came with this very request.
        return this.#judge(frame, elicited, requester, question, answerOf(outcome, question, this.#desk.now));
    }
  }

  /** The channel may shorten the step's time, and sets it where the step says nothing. */
  #expiryOf({ askedAt, expiresAt }: Question, given: number | undefined): number {
    if (given === undefined) return expiresAt;
    return Math.min(given, askedAt + (this.#timeout ?? MAX_DURATION));
  }

  /** Nobody could be asked. */
  #unasked(violation: Violation): Halt | undefined {
    return this.#step.onError === 'continue' ? undefined : denyWith(violation);
  }

  /** Looks for the answer to a question that was put before. */
  async #look(frame: Frame, elicited: Elicited, requester: Requester, question: Question): Promise<Halt | undefined> {
    const answer =
      (await this.#desk.store.answerTo(question.id)) ??
      this.#freshSignIn(frame, question) ??
      (await this.#replyOf(frame, question));
    if (answer !== undefined) return this.#use(frame, elicited, requester, question, answer);
    const outcome = await this.#plugin.elicit(
      { ...this.#inputOf(question, frame), state: question.state },
      frame.signal,
    );
    if (outcome.outcome === 'pending') {
      if (outcome.state !== undefined) await this.#desk.store.keep({ ...question, state: outcome.state });
      return this.#pending(question, elicited);
    }
    if (outcome.outcome === 'approved' || outcome.outcome === 'denied') {
      const given = answerOf(outcome, question, this.#desk.now);
      return this.#use(frame, elicited, requester, question, await this.#desk.store.answer(question, given));
    }
    // Another replica may have fetched the answer in between, of which there is but one.
    const elsewhere = await this.#desk.store.answerTo(question.id);
    if (elsewhere !== undefined) return this.#use(frame, elicited, requester, question, elsewhere);
    if (outcome.outcome !== 'expired') return denyWith(outcome.violation);
    elicited.latest = latestOf(question, 'expired');
    return EXPIRED;
  }

  async #use(
    frame: Frame,
    elicited: Elicited,
    requester: Requester,
    question: Question,
    answer: Answer,
  ): Promise<Halt | undefined> {
    const halt = this.#judge(frame, elicited, requester, question, answer);
    if (halt !== undefined) return halt;
    elicited.honoured.push(question);
    return isPeek(frame) && elicitationId(frame) === question.id ? approvedOnPeek(question) : undefined;
  }

  /** Whether the answer lets this very operation go on. */
  #judge(frame: Frame, elicited: Elicited, requester: Requester, question: Question, answer: Answer): Halt | undefined {
    elicited.latest = {
      ...latestOf(question, 'resolved'),
      outcome: answer.outcome,
      ...(answer.text === undefined || answer.outcome === 'denied' ? {} : { answer: answer.text }),
    };
    if (answer.outcome === 'denied') return deny('elicitation.denied', answer.text ?? 'a human refused');
    if (question.expiresAt <= this.#desk.now) return EXPIRED;
    const refusal = refusalOfAnswer(question, answer, requester, this.#step.config);
    if (refusal !== undefined) return deny(refusal.code, refusal.reason);
    return this.#within === undefined || this.#within(frame) ? undefined : OUT_OF_SCOPE;
  }

  #pending(question: Question, elicited: Elicited): Halt {
    elicited.latest = latestOf(question, 'pending');
    const classes = question.verb === 'require_step_up' ? acceptedClasses(this.#step.config) : [];
    return {
      kind: 'pending',
      code: 'elicitation.pending',
      reason: 'a human has been asked',
      details: {
        elicitation_id: question.id,
        plugin: question.plugin,
        verb: question.verb,
        approver: question.approver,
        ...(question.channel === null ? {} : { channel: question.channel }),
        expires_at: new Date(question.expiresAt).toISOString(),
        ...(classes.length === 0 ? {} : { acr_values: classes }),
        ...(question.page === null ? {} : { url: question.page }),
        ...(question.form ? { form: true } : {}),
        ...(question.page === null && !question.form ? {} : { message: questionMessage(question) }),
      },
    };
  }

  #inputOf(question: Question, frame: Frame): ElicitInput {
    return {
      id: question.id,
      verb: question.verb,
      entity: frame.operation.entity,
      extensions: frame.extensions,
      args: frame.nextArgs,
      shown: question.shown,
      requester: question.requester,
      from: question.approver,
      place: question.place,
      config: this.#step.config,
      askedAt: question.askedAt,
      expiresAt: question.expiresAt,
      ...(this.#timeout === undefined ? {} : { timeout: this.#timeout }),
      ...(question.route === null ? {} : { route: question.route }),
      ...(question.purpose === null ? {} : { purpose: question.purpose }),
      ...(question.channel === null ? {} : { channel: question.channel }),
      ...(frame.operation.elicitation?.form === true ? { form: true } : {}),
    };
  }

  /**
   * What the caller's client says that its user filled in. It proves nothing about anybody, so it counts where the caller
   * confirms what they do themselves, and the channel leaves that to their client. The first answer counts.
   */
  async #replyOf(frame: Frame, question: Question): Promise<Answer | undefined> {
    const { id, reply } = frame.operation.elicitation ?? {};
    if (!question.form || question.verb !== 'confirm' || id !== question.id || reply === undefined) return undefined;
    return this.#desk.store.answer(question, { ...reply, approver: question.approver, at: this.#desk.now });
  }

  /** A token of the caller that was issued for a sign-in after the question answers it. */
  #freshSignIn(frame: Frame, question: Question): Answer | undefined {
    if (question.verb !== 'require_step_up') return undefined;
    const authentication = signInOf(frame);
    if (!isFresh(authentication, question.askedAt, this.#step.config)) return undefined;
    return {
      outcome: 'approved',
      approver: question.approver,
      at: this.#desk.now,
      ...(authentication && { authentication }),
    };
  }

  /** With `max_age`, in seconds, a sign-in that is recent enough needs no question (RFC 9470). */
  #isSignedInLately(frame: Frame): boolean {
    const maxAge = this.#step.config['max_age'];
    if (this.#step.verb !== 'require_step_up' || typeof maxAge !== 'number') return false;
    return isFresh(signInOf(frame), this.#desk.now - maxAge * 1000, this.#step.config);
  }
}

/** What the caller's verified token says of their sign-in. */
function signInOf(frame: Frame): Authentication | undefined {
  const claims = frame.subject?.claims;
  const at = Number(claims?.['auth_time'] ?? Number.NaN);
  const acr = claims?.['acr'];
  return Number.isFinite(at) ? { at, ...(acr === undefined ? {} : { acr }) } : undefined;
}

function answerOf(
  outcome: ElicitOutcome & { readonly outcome: 'approved' | 'denied' },
  question: Question,
  at: number,
): Answer {
  if (outcome.outcome === 'denied') {
    const { reason } = outcome;
    return { outcome: 'denied', approver: question.approver, at, ...(reason === undefined ? {} : { text: reason }) };
  }
  const { approver = question.approver, text, authentication } = outcome;
  return {
    outcome: 'approved',
    approver,
    at,
    ...(text === undefined ? {} : { text }),
    ...(authentication === undefined ? {} : { authentication }),
  };
}

function latestOf(
  question: Question,
  status: NonNullable<Elicited['latest']>['status'],
): NonNullable<Elicited['latest']> {
  return {
    id: question.id,
    status,
    approver: question.approver,
    ...(question.channel === null ? {} : { channel: question.channel }),
    expires_at: new Date(question.expiresAt).toISOString(),
  };
}

/** What an answer is bound to: the arguments as they came and as they are to be forwarded, in `post` the result too. */
function argumentsOf(frame: Frame): string {
  const { args, nextArgs, phase, nextResult } = frame;
  return digestOf([args ?? null, nextArgs ?? null, phase === 'post' ? (nextResult ?? null) : null]);
}

const UNIDENTIFIED = deny('elicitation.unidentified', 'the answer would be anybody’s: nobody in particular calls');
const UNBOUND = deny('elicitation.unbound', 'an answer cannot be bound to a request that is no MCP operation');
const TOO_LARGE = deny('elicitation.too_large', 'the arguments are too large to be reviewed');
const OTHER_ARGUMENTS = deny('elicitation.other_arguments', 'the answer was given for other arguments');
const OUT_OF_SCOPE = deny('elicitation.out_of_scope', 'the approval does not cover this request');

/** An attribute that names somebody, or the text itself when it cannot be a dotted attribute. */
function compileApprover(written: string, scope: CompileScope): (frame: Frame) => string | undefined {
  if (!PATH.test(written)) return () => written;
  const segments = written.split('.').map((text) => ({ kind: 'name', text }) as const);
  const read: Accessor = compilePath({ kind: 'path', segments, range: { start: 0, end: written.length } }, scope);
  const fallback = segments.length === 1 ? written : undefined;
  return (frame) => {
    const value = read(frame);
    return typeof value === 'string' && value !== '' ? value : fallback;
  };
}
