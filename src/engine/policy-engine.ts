import { parseJson, stringifyJson } from '../text/json.ts';
import { SessionStoreError, type Alarm, type Awaitable, type StoreHealth } from '../session/label-store.ts';
import type { HandleNames } from '../session/session-handle.ts';
import { TransportStorageError, type TransportStorage } from '../transport/transport-storage.ts';
import { authenticate } from './authentication.ts';
import type { Bundle } from './bundle.ts';
import { CallDeadline } from './call-deadline.ts';
import type { Constraint } from './constraint.ts';
import type { Decision, Taint, Violation } from './decision.ts';
import type { QuestionDesk } from './elicitation/question-desk.ts';
import type { Engine, IdentityResult } from './engine.ts';
import { NOTHING_SURE, forecastOperation } from './forecast-operation.ts';
import type { Forecast } from './forecast.ts';
import { endBundle } from './end-bundle.ts';
import { Frame, frameOf } from './frame.ts';
import { deny, type Halt } from './halt.ts';
import { appendSessionLabels, LabelSession, loadSessionLabels, SessionRefusal } from './label-session.ts';
import { observeDecision, observeRefusedIdentity } from './observe.ts';
import { PROGRESS, type Entity, type JsonValue, type Operation, type Phase } from './operation.ts';
import type { IdentityInput } from './plugin.ts';
import type { PluginHandle } from './plugin-handle.ts';
import { pluginInput } from './plugin-input.ts';
import { programFor, type PhaseProgram, type Program } from './program.ts';
import { foldConstraints, isConflict } from './restrict.ts';
import { routeKey } from './route-table.ts';
import { sessionOf } from './session-of.ts';
import { sessionByRule } from './sessions-by-rule.ts';
import { runSteps } from './steps.ts';
import { Tenure } from './tenure.ts';
import { isJson } from './values.ts';

export interface EngineOptions {
  /** Hears of what operators must know. Must not throw. */
  readonly alarm?: (alarm: Alarm) => void;
  /** Milliseconds since the Unix epoch; default the system clock. */
  readonly now?: () => number;
  /** Adds the ordered steps to every decision; for tests and explanations, not for production. */
  readonly trace?: boolean;
  /** Most time that one phase of an operation may take before it is denied, in milliseconds; default one minute. */
  readonly deadline?: number;
  /** How long a replaced bundle waits for operations that began on it, in milliseconds; default five minutes. */
  readonly retireAfter?: number;
}

const DEFAULT_DEADLINE = 60_000;
const DEFAULT_RETIRE_AFTER = 5 * 60_000;
const NO_LABELS: ReadonlySet<string> = new Set();
const NO_TAINTS: readonly Taint[] = Object.freeze([]);
const NO_DETAILS: Violation['details'] = Object.freeze({});
const UNMODIFIED: Decision['modified'] = Object.freeze({ args: false, result: false });
const ARGS_MODIFIED: Decision['modified'] = Object.freeze({ args: true, result: false });
const RESULT_MODIFIED: Decision['modified'] = Object.freeze({ args: false, result: true });

const INTERNAL_ERROR = deny('engine.internal_error', 'the request could not be decided');
const EXPIRED = deny('engine.deadline', 'the request could not be decided in time');
const CLOSED = deny('engine.closed', 'the engine is closed');
const LOAD_FAILED = deny('session.load_failed', 'the labels of the session could not be read');
const PERSIST_FAILED = deny('session.persist_failed', 'the labels of the session could not be written');
const NO_SESSION = deny('session.missing', 'the session is to be labelled, and the request has none');

/** Starts the plugins of `bundle` and makes the engine that decides on it. Rejects when a plugin cannot start. */
export async function createEngine(bundle: Bundle, options: EngineOptions = {}): Promise<PolicyEngine> {
  await initialize(bundle);
  return new PolicyEngine(bundle, options);
}

/** Starts a bundle; one that cannot start is ended. */
async function initialize(bundle: Bundle): Promise<void> {
  try {
    await bundle.initialize();
  } catch (error) {
    await endsWell(() => endBundle(bundle));
    throw error;
  }
}

/** An engine that decides on `bundle` until `reload` gives it another. Source: session state and language specifications. */
export class PolicyEngine implements Engine {
  #tenure: Tenure;
  /** Every tenure that has not ended, the one in force included. */
  readonly #tenures = new Set<Tenure>();
  #closed = false;
  readonly #alarm: (alarm: Alarm) => void;
  readonly #now: () => number;
  readonly #trace: boolean;
  readonly #deadline: number;
  readonly #retireAfter: number;
  /** `pre` of operations that cannot bear this engine's mark. */
  readonly #unmarked = new WeakMap<Operation, Frame>();
  /** Whether `#unmarked` was ever needed. */
  #someUnmarked = false;

  constructor(bundle: Bundle, options: EngineOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#tenure = new Tenure(this, bundle, this.#now);
    this.#tenures.add(this.#tenure);
    this.#alarm = harmless(options.alarm);
    this.#trace = options.trace ?? false;
    this.#deadline = options.deadline ?? DEFAULT_DEADLINE;
    this.#retireAfter = options.retireAfter ?? DEFAULT_RETIRE_AFTER;
  }

  get digest(): string {
    return this.#tenure.bundle.digest;
  }

  get handleNames(): HandleNames | undefined {
    return this.#tenure.bundle.sessionRules?.handles?.names;
  }

  /** The questions to humans of the bundle in force. */
  get questions(): QuestionDesk {
    return this.#tenure.bundle.questions;
  }

  pre(operation: Operation): Awaitable<Decision> {
    const tenure = this.#tenure;
    tenure.operations += 1;
    return this.#decide(tenure, operation, 'pre', undefined, undefined);
  }

  post(operation: Operation, result: JsonValue | undefined): Awaitable<Decision> {
    const earlier = this.#markOf(operation);
    if (earlier?.decision !== undefined && earlier.decision.decision !== 'allow') return earlier.decision;
    const tenure = earlier?.tenure ?? this.#tenure;
    if (earlier?.counted === true) earlier.counted = false;
    else tenure.operations += 1;
    return this.#decide(tenure, operation, 'post', result, earlier);
  }

  overrule(operation: Operation, violation: Violation): void {
    const frame = this.#markOf(operation);
    if (frame?.decision?.decision !== 'allow') return;
    const { tenure } = frame;
    frame.rule = undefined;
    frame.decision = { ...frame.decision, decision: 'deny', violation };
    if (tenure.bundle.observed) observeDecision(frame, frame.decision, this.#alarm);
    if (!frame.counted) return;
    frame.counted = false;
    tenure.operations -= 1;
    tenure.left();
  }

  examinesResult(operation: Operation): boolean {
    const program = this.#markOf(operation)?.program;
    if (program === undefined) return true;
    const { runs, listeners } = program.post;
    return runs.length > 0 || (listeners !== undefined && listeners.audit.length + listeners.background.length > 0);
  }

  async identify(input: IdentityInput): Promise<IdentityResult> {
    if (this.#closed) return { outcome: 'denied', violation: violationOf(CLOSED, undefined) };
    const tenure = this.#tenure;
    tenure.operations += 1;
    tenure.calls += 1;
    const deadline = new CallDeadline(this.#deadline, () =>
      this.#alarm({ alarm: 'operation_deadline', phase: 'identify' }),
    );
    try {
      const operation = { entity: input.entity, extensions: { http: httpOf(input) } };
      const frame = frameOf(tenure, operation, 'pre', undefined, undefined);
      const { authentication } = this.#choose(frame);
      if (authentication.length === 0) return { outcome: 'identified', extensions: {}, credentials: [] };
      const result = await authenticate(authentication, input, deadline);
      if (result.outcome === 'denied' && tenure.bundle.observed) {
        observeRefusedIdentity(frame, input, result.violation, this.#alarm);
      }
      return result;
    } catch {
      this.#alarm({ alarm: 'engine_internal_error', where: 'identify' });
      return { outcome: 'denied', violation: violationOf(INTERNAL_ERROR, undefined) };
    } finally {
      deadline.end();
      tenure.calls -= 1;
      tenure.operations -= 1;
      tenure.left();
    }
  }

  forecast(operation: Pick<Operation, 'entity' | 'extensions'>, identifiedFor: Entity): Forecast {
    try {
      const frame = frameOf(this.#tenure, operation, 'pre', undefined, undefined);
      return forecastOperation(this.#tenure.bundle, frame, identifiedFor);
    } catch {
      this.#alarm({ alarm: 'engine_internal_error', where: 'forecast' });
      return NOTHING_SURE;
    }
  }

  /**
   * Puts `bundle` in force. Operations that began on the old one finish on it; stores whose block did not change stay,
   * with their labels and sessions. Rejects, and leaves the old bundle in force, when a plugin of the new one cannot start or the
   * engine is closed.
   */
  async reload(bundle: Bundle): Promise<void> {
    if (bundle === this.#tenure.bundle) return;
    await initialize(bundle);
    if (this.#closed) {
      await endsWell(() => endBundle(bundle));
      throw new Error('the engine is closed');
    }
    const old = this.#tenure;
    const { store } = bundle.sessions;
    const kept = old.bundle.sessions.store;
    const keepsStore = old.bundle.sessionStoreBlock === bundle.sessionStoreBlock;
    if (keepsStore) bundle.sessions.store = kept;
    else this.#alarm({ alarm: 'session_store_replaced', from: kept.kind, to: store.kind });
    const { storage } = bundle.transport;
    const keptStorage = old.bundle.transport.storage;
    const keepsStorage = old.bundle.transportSessionsBlock === bundle.transportSessionsBlock;
    if (keepsStorage) bundle.transport.storage = keptStorage;
    else this.#alarm({ alarm: 'transport_storage_replaced', from: keptStorage.kind, to: storage.kind });
    this.#tenure = new Tenure(this, bundle, this.#now);
    this.#tenures.add(this.#tenure);
    old.retire(() => this.#end(old), this.#retireAfter);
    if (keepsStore && store !== kept) await store.close();
    if (keepsStorage && storage !== keptStorage) await storage.close();
  }

  transportSessions(): TransportStorage | undefined {
    const { transport, transportSessionsBlock } = this.#tenure.bundle;
    return transportSessionsBlock === undefined ? undefined : transport.storage;
  }

  async health(): Promise<StoreHealth> {
    const { sessions, transport } = this.#tenure.bundle;
    const [labels, storage] = await Promise.all([healthOf(sessions.store), healthOf(transport.storage)]);
    if (!labels.healthy || storage.healthy) return labels;
    return { healthy: false, detail: `transport sessions: ${storage.detail}` };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#tenures].map((tenure) => tenure.close(() => this.#end(tenure))));
  }

  /** Ends what a bundle holds; a store goes with the last bundle that uses it. */
  async #end(tenure: Tenure): Promise<void> {
    this.#tenures.delete(tenure);
    const { bundle } = tenure;
    const { store } = bundle.sessions;
    const { storage } = bundle.transport;
    const others = [...this.#tenures].map((other) => other.bundle);
    const ends = [
      await endsWell(() => bundle.close()),
      others.some(({ sessions }) => sessions.store === store) || (await endsWell(() => store.close())),
      others.some(({ transport }) => transport.storage === storage) || (await endsWell(() => storage.close())),
    ];
    if (ends.includes(false)) this.#alarm({ alarm: 'bundle_close_failed', digest: bundle.digest });
  }

  /** Decides a phase; whatever is thrown on the way becomes a denial. */
  #decide(
    tenure: Tenure,
    operation: Operation,
    phase: Phase,
    result: JsonValue | undefined,
    earlier: Frame | undefined,
  ): Awaitable<Decision> {
    tenure.calls += 1;
    let frame: Frame | undefined;
    let decision: Awaitable<Decision>;
    try {
      frame = frameOf(tenure, operation, phase, result, earlier);
      decision = this.#closed ? this.#refuse(frame, CLOSED) : this.#start(frame);
    } catch {
      frame ??= new Frame(tenure, operation, phase, result, earlier);
      decision = this.#internalError(frame);
    }
    return decision instanceof Promise ? this.#inTime(frame, decision) : this.#finish(frame, decision);
  }

  #inTime(frame: Frame, decision: Promise<Decision>): Promise<Decision> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        frame.expired = true;
        frame.giveUp();
        this.#alarm({ alarm: 'operation_deadline', phase: frame.phase, route: frame.routeKey });
        resolve(this.#finish(frame, this.#refuse(frame, EXPIRED)));
      }, this.#deadline);
      const settle = (settled: Decision): void => {
        clearTimeout(timer);
        if (!frame.expired) resolve(this.#finish(frame, settled));
      };
      decision.then(settle, () => settle(this.#internalError(frame)));
    });
  }

  #internalError(frame: Frame): Decision {
    this.#alarm({ alarm: 'engine_internal_error', where: frame.phase });
    return this.#refuse(frame, INTERNAL_ERROR);
  }

  /** A denial that leaves out whatever the phase came to. */
  #refuse(frame: Frame, halt: Halt): Decision {
    frame.rule = undefined;
    const violation = violationOf(halt, frame.program);
    return refusedDecision(frame, halt, violation, frame.taints ?? NO_TAINTS, frame.stored, null);
  }

  #finish(frame: Frame, decision: Decision): Decision {
    const { tenure } = frame;
    frame.decision = decision;
    if (tenure.bundle.observed) observeDecision(frame, decision, this.#alarm);
    tenure.calls -= 1;
    if (frame.phase === 'pre') this.#mark(frame);
    if (frame.phase === 'pre' && decision.decision === 'allow') frame.counted = true;
    else tenure.operations -= 1;
    tenure.left();
    return decision;
  }

  /** Leaves `pre` on its operation, which may be frozen, or bear the mark of another engine. */
  #mark(frame: Frame): void {
    const { operation } = frame;
    const mark = operation[PROGRESS];
    if (mark !== undefined || this.#someUnmarked) {
      const earlier = this.#markOf(operation);
      if (earlier?.counted === true) {
        earlier.counted = false;
        earlier.tenure.operations -= 1;
        earlier.tenure.left();
      }
    }
    if ((mark === undefined || this.#isOwn(mark)) && leave(frame, operation)) return;
    this.#someUnmarked = true;
    this.#unmarked.set(operation, frame);
  }

  #markOf(operation: Operation): Frame | undefined {
    const unmarked = this.#someUnmarked ? this.#unmarked.get(operation) : undefined;
    if (unmarked !== undefined) return unmarked;
    const mark = operation[PROGRESS];
    return this.#isOwn(mark) ? mark : undefined;
  }

  #isOwn(mark: object | undefined): mark is Frame {
    return mark instanceof Frame && mark.tenure.engine === this;
  }

  #start(frame: Frame): Awaitable<Decision> {
    const { operation, earlier, givenResult } = frame;
    if (typeof givenResult === 'string') frame.result = frame.nextResult = dataOf(givenResult);
    const { sessionRules, sessions } = frame.tenure.bundle;
    const session =
      earlier?.session ??
      (sessionRules === undefined
        ? sessionOf(operation, frame.overlay)
        : sessionByRule(operation, frame.overlay, sessionRules, this.#now));
    if (session === undefined) return this.#run(frame);
    frame.session = session;
    let loaded: Awaitable<ReadonlySet<string>>;
    try {
      loaded = loadSessionLabels(sessions.store, session);
    } catch (error) {
      return this.#loadFailed(frame, error);
    }
    if (loaded instanceof Promise) return this.#runWhenLoaded(frame, loaded);
    frame.stored = loaded;
    return this.#run(frame);
  }

  #runWhenLoaded(frame: Frame, loading: Promise<ReadonlySet<string>>): Promise<Decision> {
    return loading.then(
      (stored) => {
        frame.stored = stored;
        return this.#run(frame);
      },
      (error: unknown) => this.#loadFailed(frame, error),
    );
  }

  #loadFailed(frame: Frame, error: unknown): Awaitable<Decision> {
    const program = this.#choose(frame);
    if (error instanceof SessionRefusal) {
      this.#alarm({ ...error.alarm, route: frame.routeKey });
      return this.#conclude(frame, program, error.halt);
    }
    this.#storeAlarm('load', error, frame.routeKey, false);
    return this.#conclude(frame, program, LOAD_FAILED);
  }

  #run(frame: Frame): Awaitable<Decision> {
    if (this.#trace) frame.trace = [];
    const program = this.#choose(frame);
    let halt: Awaitable<Halt | undefined>;
    try {
      halt = runSteps(partOf(program, frame), frame);
    } catch {
      return this.#stepFailed(frame, program);
    }
    return halt instanceof Promise ? this.#concludeLater(frame, program, halt) : this.#conclude(frame, program, halt);
  }

  #concludeLater(frame: Frame, program: Program, halt: Promise<Halt | undefined>): Promise<Decision> {
    return halt.then(
      (settled) =>
        settled === undefined && frame.elicitation !== undefined && program.unmatched === undefined
          ? this.#redeem(frame, program)
          : this.#conclude(frame, program, settled),
      () => this.#stepFailed(frame, program),
    );
  }

  /** Uses up the answers that the phase went on with: of all who hold one, one operation goes on. */
  async #redeem(frame: Frame, program: Program): Promise<Decision> {
    return this.#conclude(frame, program, await frame.tenure.bundle.questions.redeem(frame));
  }

  /** What a step attached before one threw is kept all the same. */
  #stepFailed(frame: Frame, program: Program): Awaitable<Decision> {
    this.#alarm({ alarm: 'engine_internal_error', where: frame.phase });
    return this.#conclude(frame, program, INTERNAL_ERROR);
  }

  /** The program of the operation: `post` keeps that of `pre`, whatever has become of the facts that chose it. */
  #choose(frame: Frame): Program {
    const { earlier } = frame;
    if (earlier?.program === undefined) return (frame.program = programOf(frame.tenure.bundle, frame));
    frame.routeKey = earlier.routeKey;
    frame.routeMeta = earlier.routeMeta;
    return (frame.program = earlier.program);
  }

  /** After the steps: unmatched requests, observers, labels. */
  #conclude(frame: Frame, program: Program, stepsHalt: Halt | undefined): Awaitable<Decision> {
    const halt = stepsHalt ?? program.unmatched;
    if (halt !== undefined && frame.tenure.bundle.observed) frame.rule = halt.rule;
    const audit = partOf(program, frame).listeners?.audit;
    if (audit === undefined || audit.length === 0) return this.#persist(frame, program, halt);
    const input = pluginInput(frame);
    return Promise.all(audit.map(async (plugin) => plugin.invoke(input, frame.signal))).then(() =>
      this.#persist(frame, program, halt),
    );
  }

  #persist(frame: Frame, program: Program, halt: Halt | undefined): Awaitable<Decision> {
    const { stored, session, taints } = frame;
    const { bundle } = frame.tenure;
    if (taints === undefined || (session === undefined && bundle.onMissingSession === 'ignore')) {
      return this.#settle(frame, program, halt, stored);
    }
    // What a load shows may not be durable yet, so a store that confirms appends is given every label.
    const confirms = bundle.sessions.store.confirmsAppends === true;
    const added = addedLabels(taints, confirms ? NO_LABELS : stored);
    if (added === undefined) return this.#settle(frame, program, halt, stored);
    if (session === undefined) {
      return this.#settle(frame, program, halt ?? NO_SESSION, stored);
    }
    let appended: Promise<unknown> | undefined;
    try {
      appended = appendSessionLabels(bundle.sessions.store, session, added);
    } catch (error) {
      return this.#persistFailed(frame, program, halt, error);
    }
    if (appended === undefined) return this.#settle(frame, program, halt, union(stored, added));
    return appended.then(
      () => this.#settle(frame, program, halt, union(stored, added)),
      (error: unknown) => this.#persistFailed(frame, program, halt, error),
    );
  }

  #persistFailed(frame: Frame, program: Program, halt: Halt | undefined, error: unknown): Decision {
    this.#storeAlarm('append', error, frame.routeKey, halt === undefined);
    return this.#settle(frame, program, halt ?? PERSIST_FAILED, frame.stored);
  }

  #settle(frame: Frame, program: Program, halt: Halt | undefined, labels: ReadonlySet<string>): Decision {
    const isPlain = frame.isPlain && !frame.expired && frame.tenure.bundle.sessionRules === undefined;
    if (halt === undefined && isPlain && inheritedConstraint(frame) === undefined) {
      return allowedDecision(frame, program, labels, null);
    }
    return this.#settleInFull(frame, program, halt, labels);
  }

  /** As `#settle`, with what few operations come to have. */
  #settleInFull(frame: Frame, program: Program, stepsHalt: Halt | undefined, labels: ReadonlySet<string>): Decision {
    const { constraints } = frame;
    let halt = stepsHalt ?? (frame.expired ? EXPIRED : undefined);
    let constraint: Constraint | null = null;
    const inherited = inheritedConstraint(frame);
    if (constraints !== undefined || inherited !== undefined) {
      const folded = foldConstraints([...(inherited === undefined ? [] : [inherited]), ...(constraints ?? [])]);
      if (isConflict(folded)) halt ??= conflictOf(folded.label, folded.values);
      else constraint = folded;
    }
    const decision =
      halt === undefined
        ? allowedDecision(frame, program, labels, constraint)
        : refusedDecision(frame, halt, violationOf(halt, program), frame.taints ?? NO_TAINTS, labels, constraint);
    const handle = frame.session instanceof LabelSession ? frame.session.handle(labels) : undefined;
    if (handle === undefined && frame.isPlain) return decision;
    const headers = halt === undefined && frame.phase === 'pre' ? frame.edits?.headers : undefined;
    const delegatedTokens = halt === undefined ? frame.delegatedTokens : undefined;
    return {
      ...decision,
      ...(headers === undefined ? {} : { headers }),
      ...(delegatedTokens === undefined ? {} : { delegatedTokens }),
      ...(frame.consultations === undefined ? {} : { consultations: frame.consultations }),
      ...(handle === undefined ? {} : { handle }),
      ...(frame.trace === undefined ? {} : { trace: frame.trace }),
    };
  }

  #storeAlarm(op: 'load' | 'append', error: unknown, route: string | undefined, allowed: boolean): void {
    this.#alarm({
      alarm: 'session_store_failure',
      op,
      route,
      decision_was_allow: allowed,
      failure: error instanceof SessionStoreError ? error.failure : 'unavailable',
      detail: error instanceof SessionStoreError ? error.message : undefined,
    });
  }
}

async function healthOf(store: { health(): Awaitable<StoreHealth> }): Promise<StoreHealth> {
  try {
    return await store.health();
  } catch (error) {
    const told = error instanceof SessionStoreError || error instanceof TransportStorageError;
    return { healthy: false, detail: told ? error.message : 'the store gave no answer' };
  }
}

/** Whether it ended without an error. */
async function endsWell(end: () => Awaitable<void>): Promise<boolean> {
  try {
    await end();
    return true;
  } catch {
    return false;
  }
}

function programOf(bundle: Bundle, frame: Frame): Program {
  const { entity } = frame.operation;
  const route = bundle.routes.find(entity, frame);
  if (route === undefined) return programFor(bundle.unmatched[entity.type], entity.tags);
  frame.routeKey = routeKey(route, entity);
  frame.routeMeta = route.meta;
  return programFor(route, entity.tags);
}

/** The decision of a phase that nothing halted; what is to run in the background is started. */
function allowedDecision(
  frame: Frame,
  program: Program,
  labels: ReadonlySet<string>,
  constraint: Constraint | null,
): Decision {
  const { phase, nextArgs, nextResult, givenResult } = frame;
  const background = partOf(program, frame).listeners?.background;
  if (background !== undefined) runInBackground(background, frame);
  const isPre = phase === 'pre';
  const changed = isPre ? nextArgs !== frame.args : nextResult !== frame.result;
  return {
    decision: 'allow',
    phase,
    violation: null,
    route: frame.routeKey,
    args: nextArgs,
    result: changed && !isPre ? inGivenShape(frame) : givenResult,
    modified: !changed ? UNMODIFIED : isPre ? ARGS_MODIFIED : RESULT_MODIFIED,
    taints: frame.taints ?? NO_TAINTS,
    labels,
    constraint,
  };
}

function refusedDecision(
  { phase, routeKey: route, operation }: Frame,
  { kind }: Halt,
  violation: Violation,
  taints: readonly Taint[],
  labels: ReadonlySet<string>,
  constraint: Constraint | null,
): Decision {
  return {
    decision: kind,
    phase,
    violation,
    route,
    args: operation.args,
    result: undefined,
    modified: UNMODIFIED,
    taints,
    labels,
    constraint,
  };
}

/** Whether the operation took the mark. */
function leave(frame: Frame, operation: Operation): boolean {
  try {
    operation[PROGRESS] = frame;
  } catch {
    return false;
  }
  return operation[PROGRESS] === frame;
}

/** What the operation was restricted to before this phase. */
function inheritedConstraint({ operation, earlier }: Frame): Constraint | undefined {
  return (earlier === undefined ? operation.constraint : earlier.decision?.constraint) ?? undefined;
}

function partOf({ pre, post }: Program, { phase }: Frame): PhaseProgram {
  return phase === 'pre' ? pre : post;
}

/** What a decision says of a halt: a denial is dressed with the route's `response`, a question to a human is not. */
function violationOf(halt: Halt, program: Program | undefined): Violation {
  const { code, reason, details } = halt;
  const response = halt.kind === 'deny' ? program?.response : undefined;
  if (response === undefined && details === undefined) return { code, reason, details: NO_DETAILS };
  return { code, reason, details: { ...response, ...details } };
}

function conflictOf(label: string, values: readonly [string, string]): Halt {
  return deny(
    'policy.restrict_conflict',
    `restrictions contradict each other: \`${label}\` is to be \`${values[0]}\` and \`${values[1]}\``,
  );
}

/** Session labels that the store does not hold yet; undefined when there is none. */
function addedLabels(taints: readonly Taint[], stored: ReadonlySet<string>): readonly string[] | undefined {
  let added: string[] | undefined;
  for (const { label, scopes } of taints) {
    if (
      (scopes[0] !== 'session' && !scopes.includes('session')) ||
      stored.has(label) ||
      added?.includes(label) === true
    )
      continue;
    if (added === undefined) added = [label];
    else added.push(label);
  }
  return added;
}

function union(stored: ReadonlySet<string>, added: readonly string[]): ReadonlySet<string> {
  const labels = new Set(stored);
  for (const label of added) labels.add(label);
  return labels;
}

/** What of a request is known before its sender is. */
function httpOf({ headers }: IdentityInput): { readonly request_headers: Record<string, string | readonly string[]> } {
  const request_headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) request_headers[name] = value;
  return { request_headers };
}

/** A result that is one JSON text of an object or array is decided on as data. */
function dataOf(result: string): JsonValue {
  if (!/^\s*[{[]/.test(result)) return result;
  return parsed(result, parseJson) ?? parsed(result, JSON.parse) ?? result;
}

/** Undefined for what the parser refuses: the exact one gives up on deep nesting, which must not hide data from policy. */
function parsed(text: string, parser: (text: string) => unknown): JsonValue | undefined {
  try {
    const data = parser(text);
    return isJson(data) ? data : undefined;
  } catch {
    return undefined;
  }
}

function inGivenShape({ result, nextResult, givenResult }: Frame): JsonValue | undefined {
  return result === givenResult || nextResult === undefined ? nextResult : stringifyJson(nextResult);
}

/** Starts plugins whose answer nobody waits for; a handle never rejects. */
function runInBackground(plugins: readonly PluginHandle[], frame: Frame): void {
  if (plugins.length === 0) return;
  const input = pluginInput(frame);
  for (const plugin of plugins) void plugin.invoke(input, undefined);
}

/** An alarm that cannot turn a denial into an exception. */
function harmless(alarm: ((alarm: Alarm) => void) | undefined): (alarm: Alarm) => void {
  if (alarm === undefined) return () => undefined;
  return (raised) => {
    try {
      alarm(raised);
    } catch {
      // There is nobody left to tell; the decision stands.
    }
  };
}
