import type { Engine } from '../engine/engine.ts';
import type { Extensions } from '../engine/operation.ts';
import { createDecider } from '../gateway/decide.ts';
import type { Decider } from '../gateway/decide.ts';
import type { Alarm, Awaitable } from '../session/label-store.ts';

/** What every adapter can be told. */
export interface AdapterOptions<Request> {
  /**
   * What the host itself verified about a request: who was authenticated, `agent.session_id`, and more. What the identity
   * plugins of the bundle establish counts more. A throw or rejection denies the request.
   */
  readonly extensions?: (request: Request) => Awaitable<Extensions>;
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

export function createAdapterHost(engine: Engine, report: ((alarm: Alarm) => void) | undefined): AdapterHost {
  const alarm = (raised: Alarm): void => {
    try {
      report?.(raised);
    } catch {
      // There is nobody left to tell; the denial stands.
    }
  };
  const error = (message: string, cause: unknown): void =>
    alarm({ alarm: 'adapter_failure', detail: message, error: cause instanceof Error ? cause.name : typeof cause });
  return { engine, decider: createDecider(engine, { decision: () => undefined, error }), telemetry: { error }, alarm };
}
