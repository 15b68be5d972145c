import { isTruthyHeader } from '../engine/attributes.ts';
import type { Constraint } from '../engine/constraint.ts';
import type { Decision, Violation } from '../engine/decision.ts';
import type { Engine } from '../engine/engine.ts';
import type { Extensions, Operation } from '../engine/operation.ts';
import { admitsBackend, type BackendLabels } from '../engine/restrict.ts';
import { createDecider } from '../gateway/handlers/decide.ts';
import type { Decider } from '../gateway/handlers/decide.ts';
import type { Alarm, Awaitable } from '../session/label-store.ts';

/** What every adapter can be told. */
export interface AdapterOptions<Request> {
  /**
   * What the host itself verified about a request: who was authenticated, `agent.session_id`, and more. What the identity
   * plugins of the bundle establish counts more. A throw or rejection denies the request.
   */
  readonly extensions?: (request: Request) => Awaitable<Extensions>;
  /**
   * What `restrict` decides on: the labels of this server, or `handler` when handlers choose a backend themselves, by
   * `decision.constraint`. Default: no labels, so that a restricted operation is denied unless it may fall back.
   */
  readonly backend?: BackendLabels | 'handler';
  /** Hears of what operators must know, such as a host's function that threw. */
  readonly alarm?: (alarm: Alarm) => void;
}

/** The engine as an adapter uses it: whatever goes wrong is a denial, and told. */
export interface AdapterHost {
  readonly engine: Engine;
  readonly decider: Decider;
  readonly telemetry: { error(message: string, error: unknown): void };
  /** Never throws. */
  readonly alarm: (alarm: Alarm) => void;
}

const NOT_ADMITTED: Violation = {
  code: 'gateway.no_upstream',
  reason: 'this server does not satisfy the restrictions on this request',
  details: {},
};

const NOTHING_PENDING: Violation = {
  code: 'elicitation.approved',
  reason: 'nobody is to be asked: send the request again without peeking',
  details: {},
};

export function createAdapterHost(
  engine: Engine,
  { alarm: report, backend = {} }: Pick<AdapterOptions<never>, 'alarm' | 'backend'>,
): AdapterHost {
  const alarm = (raised: Alarm): void => {
    try {
      report?.(raised);
    } catch {
      // There is nobody left to tell; the denial stands.
    }
  };
  const error = (message: string, cause: unknown): void =>
    alarm({ alarm: 'adapter_failure', detail: message, error: cause instanceof Error ? cause.name : typeof cause });
  const decider = createDecider(engine, { decision: () => undefined, error });
  const pre = async (operation: Operation): Promise<Decision> => {
    const decision = await decider.pre(operation);
    if (decision.decision === 'allow' && isPeek(operation)) {
      return { ...decision, decision: 'deny', violation: NOTHING_PENDING };
    }
    const admitted = decision.constraint === null || backend === 'handler' || admits(decision.constraint, backend);
    return admitted || decision.decision !== 'allow' ? decision : decider.overrule(operation, decision, NOT_ADMITTED);
  };
  return { engine, decider: { ...decider, pre }, telemetry: { error }, alarm };
}

function admits(constraint: Constraint, backend: BackendLabels): boolean {
  return constraint.on_empty === 'fallback' || admitsBackend(constraint, backend);
}

/** Whoever peeks wants nothing to be executed, whatever the decision. */
function isPeek({ extensions }: Operation): boolean {
  const peek = extensions?.http?.request_headers?.['x-policy-elicitation-peek'];
  return peek !== undefined && isTruthyHeader(peek);
}
