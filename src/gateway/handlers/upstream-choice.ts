import type { Constraint } from '../../engine/constraint.ts';
import type { Violation } from '../../engine/decision.ts';
import { HTTP_ENTITY } from './caller.ts';
import type { Caller } from './caller.ts';
import type { GatewayContext } from './gateway-context.ts';
import type { MediatedRequest } from '../sessions/pending-requests.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import type { NamedUpstream } from '../upstream/upstream-set.ts';

export const NONE_ADMITTED: Violation = {
  code: 'gateway.no_upstream',
  reason: 'no upstream satisfies the restrictions on this request',
  details: {},
};
/** Of a batch. */
export const NONE_IN_COMMON: Violation = {
  code: 'gateway.no_upstream',
  reason: 'no one upstream satisfies the restrictions on all members of the batch',
  details: {},
};
const SESSION_ELSEWHERE: Violation = {
  code: 'gateway.session_upstream',
  reason: 'the restrictions on this request exclude the upstream of the session',
  details: {},
};

/**
 * Upstreams that a request under `constraint` may go to, best first, or why there is none. A session is bound to the
 * upstream that opened it: the others know nothing of it.
 */
export function upstreamsFor(
  gateway: GatewayContext,
  session: GatewaySession | undefined,
  constraint: Constraint | null,
): readonly NamedUpstream[] | Violation {
  const admitted = gateway.upstreams.admitted(constraint);
  if (admitted.length === 0) return NONE_ADMITTED;
  if (session === undefined) return admitted;
  const own = admitted.filter(({ name }) => name === session.upstream);
  return own.length === 0 ? SESSION_ELSEWHERE : own;
}

/**
 * Where a message goes that policy does not decide on: to the upstream of its session or of the task it is about, else to
 * what the global layer is sure to leave to its sender. May be empty.
 */
export function undecidedUpstreams(
  gateway: GatewayContext,
  caller: Caller,
  session: GatewaySession | undefined,
  task?: MediatedRequest,
): readonly NamedUpstream[] {
  const bound = session?.upstream ?? task?.upstream;
  if (bound === undefined) {
    const operation = { entity: HTTP_ENTITY, extensions: caller.identity.extensions };
    return gateway.upstreams.admitted(gateway.decider.forecast(operation, HTTP_ENTITY).constraint);
  }
  const upstream = gateway.upstreams.named(bound);
  return upstream === undefined ? [] : [upstream];
}

export function isViolation(chosen: readonly NamedUpstream[] | Violation): chosen is Violation {
  return 'code' in chosen;
}

/** Upstreams that all of `choices` hold, in the order of the first. */
export function inCommon(choices: readonly (readonly NamedUpstream[])[]): readonly NamedUpstream[] {
  const [first = [], ...others] = choices;
  if (others.length === 0) return first;
  return first.filter((upstream) => others.every((choice) => choice.includes(upstream)));
}
