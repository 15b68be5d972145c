import { parseJson, stringifyJson } from '../text/json.ts';
import { SessionStoreError, type Alarm, type Awaitable, type StoreHealth } from '../session/label-store.ts';
import { sessionIdentity, type SessionIdentity } from '../session/session-identity.ts';
import { authenticate } from './authentication.ts';
import type { Bundle } from './bundle.ts';
import type { Constraint, Decision, Taint, Violation } from './decision.ts';
import type { Engine, IdentityResult } from './engine.ts';
import { Frame } from './frame.ts';
import { deny, type Halt } from './halt.ts';
import { PROGRESS, type JsonValue, type Operation, type Phase } from './operation.ts';
import { overlayOf, readOverlay, type Overlay } from './overlay.ts';
import type { IdentityInput, InboundCredential } from './plugin.ts';
import type { PluginHandle } from './plugin-handle.ts';
import { pluginInput } from './plugin-input.ts';
import type { Program } from './program.ts';
import { Progress, type Tenure } from './progress.ts';
import { foldConstraints, isConflict } from './restrict.ts';
import { runSteps } from './steps.ts';
import { isJson } from './values.ts';

export interface EngineOptions {
  /** Hears of what operators must know. Must not throw. */
  readonly alarm?: (alarm: Alarm) => void;
  /** Milliseconds since the Unix epoch; default the system clock. */
  readonly now?: () => number;
  /** Adds the ordered steps to every decision; for tests and explanations, not for production. */
  readonly trace?: boolean;
  /** How long a replaced bundle waits for operations that began on it, in milliseconds; default five minutes. */
  readonly retireAfter?: number;
}

const DEFAULT_RETIRE_AFTER = 5 * 60_000;
const NO_LABELS: ReadonlySet<string> = new Set();
const NO_TAINTS: readonly Taint[] = Object.freeze([]);
const NO_DETAILS: Violation['details'] = Object.freeze({});
const NO_CREDENTIALS: readonly InboundCredential[] = Object.freeze([]);
const UNMODIFIED: Decision['modified'] = Object.freeze({ args: false, result: false });

/** Starts the plugins of `bundle` and makes the engine that decides on it. Rejects when a plugin cannot start. */
export async function createEngine(bundle: Bundle, options: EngineOptions = {}): Promise<PolicyEngine> {
  await bundle.initialize();
  return new PolicyEngine(bundle, options);
}

/** What a phase is run on. */
interface Run {
  readonly tenure: Tenure;
  readonly operation: Operation;
  readonly phase: Phase;
  readonly args: JsonValue | undefined;
  readonly result: JsonValue | undefined;
  /** The result as the host gave it: `result` is its data when it was one JSON text. */
  readonly givenResult: JsonValue | undefined;
  readonly overlay: Overlay | undefined;
  readonly session: SessionIdentity | undefined;
  readonly progress: Progress | undefined;
}

/** An engine that decides on `bundle` until `reload` gives it another. Source: session state and language specifications. */
export class PolicyEngine implements Engine {
  #tenure: Tenure;
  readonly #alarm: (alarm: Alarm) => void;
  readonly #now: () => number;
  readonly #trace: boolean;
  readonly #retireAfter: number;
  /** Replaced bundles that are not ended yet. */
  readonly #retiring = new Set<Tenure>();

  constructor(bundle: Bundle, options: EngineOptions = {}) {
    this.#tenure = { bundle, operations: 0, retire: undefined, ended: undefined };
    this.#alarm = options.alarm ?? (() => undefined);
    this.#now = options.now ?? Date.now;
    this.#trace = options.trace ?? false;
    this.#retireAfter = options.retireAfter ?? DEFAULT_RETIRE_AFTER;
  }

  get digest(): string {
    return this.#tenure.bundle.digest;
  }

  pre(operation: Operation): Awaitable<Decision> {
    const tenure = this.#tenure;
    tenure.operations += 1;
    return this.#decide(tenure, operation, 'pre', undefined, undefined);
  }

  post(operation: Operation, result: JsonValue | undefined): Awaitable<Decision> {
    const mark = operation[PROGRESS];
    const progress = mark instanceof Progress ? mark : undefined;
    if (progress?.refusal !== undefined) return progress.refusal;
    const tenure = progress?.tenure ?? this.#tenure;
    if (progress?.counted === true) progress.counted = false;
    else tenure.operations += 1;
    return this.#decide(tenure, operation, 'post', result, progress);
  }

  async identify(input: IdentityInput): Promise<IdentityResult> {
    const tenure = this.#tenure;
    tenure.operations += 1;
    try {
      const frame = this.#frame(
        {
          tenure,
          operation: { entity: input.entity },
          phase: 'pre',
          args: undefined,
          result: undefined,
          givenResult: undefined,
          overlay: undefined,
          session: undefined,
          progress: undefined,
        },
        NO_LABELS,
      );
      const program = this.#programOf(tenure.bundle, frame);
      return await authenticate(program.authentication, input);
    } catch {
      return { outcome: 'denied', violation: this.#internalError('identify') };
    } finally {
      this.#leave(tenure);
    }
  }

  /**
   * Puts `bundle` in force. Operations that began on the old one finish on it; a store whose block did not change
   * stays, with its labels. Rejects, and leaves the old bundle in force, when a plugin of the new one cannot start.
   */
  async reload(bundle: Bundle): Promise<void> {
    try {
      await bundle.initialize();
    } catch (error) {
      await bundle.close();
      await bundle.sessions.store.close();
      throw error;
    }
    const old = this.#tenure;
    const keepsStore = old.bundle.sessionStoreBlock === bundle.sessionStoreBlock;
    if (keepsStore) {
      const unused = bundle.sessions.store;
      bundle.sessions.store = old.bundle.sessions.store;
      if (unused !== bundle.sessions.store) await unused.close();
    } else {
      this.#alarm({
        alarm: 'session_store_replaced',
        from: old.bundle.sessions.store.kind,
        to: bundle.sessions.store.kind,
      });
    }
    this.#tenure = { bundle, operations: 0, retire: undefined, ended: undefined };
    this.#retire(old, keepsStore);
  }

  async health(): Promise<StoreHealth> {
    try {
      return await this.#tenure.bundle.sessions.store.health();
    } catch (error) {
      return {
        healthy: false,
        detail: error instanceof SessionStoreError ? error.message : 'the store gave no answer',
      };
    }
  }

  async close(): Promise<void> {
    const { bundle } = this.#tenure;
    for (const tenure of this.#retiring) {
      tenure.retire?.();
      await tenure.ended;
    }
    await bundle.close();
    await bundle.sessions.store.close();
  }

  #retire(tenure: Tenure, keepsStore: boolean): void {
    const end = async (): Promise<void> => {
      try {
        await tenure.bundle.close();
        if (!keepsStore) await tenure.bundle.sessions.store.close();
      } catch {
        this.#alarm({ alarm: 'bundle_close_failed', digest: tenure.bundle.digest });
      }
      this.#retiring.delete(tenure);
    };
    const timer = setTimeout(() => tenure.retire?.(), this.#retireAfter);
    timer.unref();
    tenure.retire = () => {
      tenure.retire = undefined;
      clearTimeout(timer);
      tenure.ended = end();
    };
    this.#retiring.add(tenure);
    if (tenure.operations === 0) tenure.retire();
  }

  #leave(tenure: Tenure): void {
    tenure.operations -= 1;
    if (tenure.operations <= 0 && tenure.retire !== undefined) tenure.retire();
  }

  /** Runs a phase; whatever is thrown inside becomes a denial. */
  #decide(
    tenure: Tenure,
    operation: Operation,
    phase: Phase,
    result: JsonValue | undefined,
    progress: Progress | undefined,
  ): Awaitable<Decision> {
    try {
      const decision = this.#start(tenure, operation, phase, result, progress);
      if (!(decision instanceof Promise)) return this.#finish(tenure, operation, phase, decision);
      return decision.then(
        (settled) => this.#finish(tenure, operation, phase, settled),
        () => this.#fail(tenure, operation, phase),
      );
    } catch {
      return this.#fail(tenure, operation, phase);
    }
  }

  #fail(tenure: Tenure, operation: Operation, phase: Phase): Decision {
    const decision: Decision = {
      decision: 'deny',
      phase,
      violation: this.#internalError(phase),
      route: undefined,
      args: operation.args,
      result: undefined,
      modified: UNMODIFIED,
      taints: NO_TAINTS,
      labels: NO_LABELS,
      constraint: null,
    };
    return this.#finish(tenure, operation, phase, { decision, messageLabels: undefined, grant: undefined });
  }

  #internalError(where: string): Violation {
    this.#alarm({ alarm: 'engine_internal_error', where });
    return { code: 'engine.internal_error', reason: 'the request could not be decided', details: NO_DETAILS };
  }

  #finish(tenure: Tenure, operation: Operation, phase: Phase, settled: Settled): Decision {
    const { decision } = settled;
    if (phase === 'pre') {
      const progress = new Progress(tenure, decision, settled.messageLabels, settled.grant);
      operation[PROGRESS] = progress;
      if (!progress.counted) this.#leave(tenure);
    } else {
      this.#leave(tenure);
    }
    return decision;
  }

  #start(
    tenure: Tenure,
    operation: Operation,
    phase: Phase,
    result: JsonValue | undefined,
    progress: Progress | undefined,
  ): Awaitable<Settled> {
    const overlay = operation.attributes === undefined ? undefined : overlayOf(operation.attributes);
    const run: Run = {
      tenure,
      operation,
      phase,
      args: progress === undefined ? operation.args : progress.args,
      result: phase === 'post' ? dataOf(result) : undefined,
      givenResult: result,
      overlay,
      session: sessionOf(operation, overlay),
      progress,
    };
    if (run.session === undefined) return this.#run(run, NO_LABELS);
    let loaded: Awaitable<ReadonlySet<string>>;
    try {
      loaded = tenure.bundle.sessions.store.loadLabels(run.session.id);
    } catch (error) {
      return this.#loadFailed(run, error);
    }
    if (!(loaded instanceof Promise)) return this.#run(run, loaded);
    return loaded.then(
      (labels) => this.#run(run, labels),
      (error: unknown) => this.#loadFailed(run, error),
    );
  }

  #loadFailed(run: Run, error: unknown): Settled {
    const frame = this.#frame(run, NO_LABELS);
    const program = this.#programOf(run.tenure.bundle, frame);
    this.#storeAlarm('load', error, frame.routeKey, false);
    const halt = deny('session.load_failed', 'the labels of the session could not be read');
    return this.#settle(run, frame, program, halt, NO_LABELS);
  }

  #run(run: Run, stored: ReadonlySet<string>): Awaitable<Settled> {
    const frame = this.#frame(run, stored);
    const program = this.#programOf(run.tenure.bundle, frame);
    const outcome = runSteps(run.phase === 'pre' ? program.pre : program.post, frame);
    if (!(outcome instanceof Promise)) return this.#conclude(run, frame, program, outcome, stored);
    return outcome.then((halt) => this.#conclude(run, frame, program, halt, stored));
  }

  #frame(run: Run, stored: ReadonlySet<string>): Frame {
    const { operation, progress } = run;
    return new Frame({
      operation,
      phase: run.phase,
      overlay: run.overlay,
      args: run.args,
      result: run.result,
      session: run.session,
      labels: visibleLabels(stored, operation.extensions?.labels, progress?.messageLabels),
      routeKey: undefined,
      now: this.#now,
      credentials: operation.credentials ?? NO_CREDENTIALS,
      grant: progress?.grant,
      trace: this.#trace ? [] : undefined,
    });
  }

  #programOf(bundle: Bundle, frame: Frame): Program {
    const { entity } = frame.operation;
    const route = bundle.routes.find(entity, frame);
    if (route === undefined) return bundle.unmatched[entity.type](entity.tags);
    frame.routeKey = route.keyOf(entity.name);
    return route.programFor(entity.tags);
  }

  /** After the steps: unmatched requests, observers, constraints, labels. */
  #conclude(
    run: Run,
    frame: Frame,
    program: Program,
    stepsHalt: Halt | undefined,
    stored: ReadonlySet<string>,
  ): Awaitable<Settled> {
    const halt = stepsHalt ?? (run.phase === 'pre' ? program.unmatched : undefined);
    const audit = program.audit[run.phase];
    if (audit.length === 0) return this.#persist(run, frame, program, halt, stored);
    const input = pluginInput(frame);
    return Promise.all(audit.map(async (plugin) => plugin.invoke(input, undefined))).then(() =>
      this.#persist(run, frame, program, halt, stored),
    );
  }

  #persist(
    run: Run,
    frame: Frame,
    program: Program,
    halt: Halt | undefined,
    stored: ReadonlySet<string>,
  ): Awaitable<Settled> {
    const added = run.session === undefined ? undefined : addedLabels(frame.taints, stored);
    if (run.session === undefined || added === undefined) return this.#settle(run, frame, program, halt, stored);
    const labels = new Set([...stored, ...added]);
    const failed = (error: unknown): Settled => {
      this.#storeAlarm('append', error, frame.routeKey, halt === undefined);
      const kept = halt ?? deny('session.persist_failed', 'the labels of the session could not be written');
      return this.#settle(run, frame, program, kept, stored);
    };
    try {
      const appended = run.tenure.bundle.sessions.store.appendLabels(run.session.id, added);
      if (!(appended instanceof Promise)) return this.#settle(run, frame, program, halt, labels);
      return appended.then(() => this.#settle(run, frame, program, halt, labels), failed);
    } catch (error) {
      return failed(error);
    }
  }

  #settle(run: Run, frame: Frame, program: Program, stepsHalt: Halt | undefined, labels: ReadonlySet<string>): Settled {
    const { operation, phase } = run;
    let halt = stepsHalt;
    let constraint: Constraint | null = null;
    const inherited = run.progress?.constraint ?? operation.constraint;
    if (frame.constraints !== undefined || inherited !== undefined) {
      const folded = foldConstraints([...(inherited === undefined ? [] : [inherited]), ...(frame.constraints ?? [])]);
      if (isConflict(folded)) halt ??= conflictOf(folded.label, folded.values);
      else constraint = folded;
    }
    const args = phase === 'pre' ? frame.nextArgs : run.args;
    const argsChanged = phase === 'pre' && frame.nextArgs !== frame.args;
    const resultChanged = phase === 'post' && frame.nextResult !== frame.result;
    const refused = halt !== undefined;
    const decision: Decision = {
      decision: halt?.kind === 'pending' ? 'pending' : refused ? 'deny' : 'allow',
      phase,
      violation: halt === undefined ? null : violationOf(halt, program),
      route: frame.routeKey,
      args: refused && phase === 'pre' ? operation.args : args,
      result: resultChanged && !refused ? inGivenShape(frame.nextResult, run) : run.givenResult,
      modified: refused || (!argsChanged && !resultChanged) ? UNMODIFIED : { args: argsChanged, result: resultChanged },
      taints: frame.taints ?? NO_TAINTS,
      labels,
      constraint,
      ...(frame.delegatedTokens === undefined ? {} : { delegatedTokens: frame.delegatedTokens }),
      ...(frame.consultations === undefined ? {} : { consultations: frame.consultations }),
      ...(frame.trace === undefined ? {} : { trace: frame.trace }),
    };
    if (halt === undefined) runInBackground(program.background[phase], frame);
    return { decision, messageLabels: messageLabels(frame.taints), grant: frame.grant };
  }

  #storeAlarm(op: 'load' | 'append', error: unknown, route: string | undefined, allowed: boolean): void {
    this.#alarm({
      alarm: 'session_store_failure',
      op,
      route,
      decision_was_allow: allowed,
      failure: error instanceof SessionStoreError ? error.failure : 'unavailable',
    });
  }
}

/** A phase's decision and what `post` must know of it. */
interface Settled {
  readonly decision: Decision;
  readonly messageLabels: readonly string[] | undefined;
  readonly grant: Frame['grant'];
}

function violationOf(halt: Halt, program: Program): Violation {
  const { code, reason } = halt;
  // A question to a human is no denial, so the route's response does not dress it.
  const response = halt.kind === 'deny' ? program.response : undefined;
  if (response === undefined && halt.details === undefined) return { code, reason, details: NO_DETAILS };
  return { code, reason, details: { ...response, ...halt.details } };
}

function conflictOf(label: string, values: readonly [string, string]): Halt {
  return deny(
    'policy.restrict_conflict',
    `restrictions contradict each other: \`${label}\` is to be \`${values[0]}\` and \`${values[1]}\``,
  );
}

function visibleLabels(
  stored: ReadonlySet<string>,
  host: readonly string[] | undefined,
  message: readonly string[] | undefined,
): ReadonlySet<string> {
  if ((host === undefined || host.length === 0) && message === undefined) return stored;
  return new Set([...stored, ...(host ?? []), ...(message ?? [])]);
}

/** Session labels that the store does not hold yet; undefined when there is none. */
function addedLabels(taints: readonly Taint[] | undefined, stored: ReadonlySet<string>): readonly string[] | undefined {
  if (taints === undefined) return undefined;
  let added: string[] | undefined;
  for (const { label, scopes } of taints) {
    if (!scopes.includes('session') || stored.has(label) || added?.includes(label) === true) continue;
    if (added === undefined) added = [label];
    else added.push(label);
  }
  return added;
}

/** Labels of this operation alone, and session labels that no session keeps: both are visible to its later phase. */
function messageLabels(taints: readonly Taint[] | undefined): readonly string[] | undefined {
  return taints === undefined ? undefined : taints.map(({ label }) => label);
}

function sessionOf(operation: Operation, overlay: Overlay | undefined): SessionIdentity | undefined {
  const { extensions } = operation;
  const raw = (...path: readonly string[]): string | undefined => {
    const value = overlay === undefined ? undefined : readOverlay(overlay, path);
    return typeof value === 'string' ? value : undefined;
  };
  const subject = extensions?.subject;
  return sessionIdentity({
    issuer: subject?.issuer,
    subjectId: raw('subject', 'id') ?? subject?.id,
    hostValue: raw('agent', 'session_id') ?? extensions?.agent?.session_id,
    claim: raw('claim', 'session_id') ?? subject?.claims?.['session_id'],
    callerWorkload: extensions?.caller_workload?.client_id ?? extensions?.caller_workload?.spiffe_id,
    thisWorkload: extensions?.this_workload?.client_id ?? extensions?.this_workload?.spiffe_id,
  });
}

/** A result that is one JSON text of an object or array is decided on as data. */
function dataOf(result: JsonValue | undefined): JsonValue | undefined {
  if (typeof result !== 'string' || !/^\s*[{[]/.test(result)) return result;
  try {
    const data = parseJson(result);
    return isJson(data) ? data : result;
  } catch {
    return result;
  }
}

function inGivenShape(next: JsonValue | undefined, run: Run): JsonValue | undefined {
  return run.result === run.givenResult || next === undefined ? next : stringifyJson(next);
}

/** Starts plugins whose answer nobody waits for; a handle never rejects. */
function runInBackground(plugins: readonly PluginHandle[], frame: Frame): void {
  if (plugins.length === 0) return;
  const input = pluginInput(frame);
  for (const plugin of plugins) void plugin.invoke(input, undefined);
}
