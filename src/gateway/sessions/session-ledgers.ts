import { LocalStorage } from '../../transport/local-storage.ts';
import type { TransportStorage } from '../../transport/transport-storage.ts';
import type { GatewayLimits } from '../options/gateway-options.ts';
import { createLocalRequests } from './pending-requests.ts';
import type { RequestLedger } from './pending-requests.ts';
import { createSessionTable } from './session-table.ts';
import type { SessionTable } from './session-table.ts';
import { createSharedRequests } from './shared-requests.ts';
import { createLocalTasks, createSharedTasks } from './task-ledger.ts';
import type { TaskLedger } from './task-ledger.ts';

/** What a gateway remembers between requests. */
export interface SessionLedgers {
  readonly sessions: SessionTable;
  readonly requests: RequestLedger;
  readonly tasks: TaskLedger;
}

export interface SessionLedgersOptions {
  /** The storage that is in force; asked at each use. */
  readonly storage: () => TransportStorage;
  readonly sessionScope: string;
  readonly limits: GatewayLimits;
  readonly now: () => number;
  /** Hears of what could not be taken out of the storage. Must not throw. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Sessions in the storage; requests and tasks too when replicas share it. With a storage of this process they stay out of
 * it, since then nobody else is asked for them and live operations know more than their records.
 */
export function createSessionLedgers(options: SessionLedgersOptions): SessionLedgers {
  const { storage, sessionScope, limits, now } = options;
  const requests = createLocalRequests(limits.maxSessions, limits.sessionIdleMs);
  const sharedRequests = createSharedRequests(options);
  const tasks = createLocalTasks(limits.maxTasks);
  const sharedTasks = createSharedTasks(storage, sessionScope, now);
  const requestsInForce = (): RequestLedger => (storage() instanceof LocalStorage ? requests : sharedRequests);
  const tasksInForce = (): TaskLedger => (storage() instanceof LocalStorage ? tasks : sharedTasks);
  return {
    sessions: createSessionTable(storage, now),
    requests: {
      open: (sessionId, request) => requestsInForce().open(sessionId, request),
      settle: (sessionId, id, resumable) => requestsInForce().settle(sessionId, id, resumable),
      find: (sessionId, id) => requestsInForce().find(sessionId, id),
      forget: (sessionId) => requestsInForce().forget(sessionId),
    },
    tasks: {
      remember: (taskId, request) => tasksInForce().remember(taskId, request),
      find: (scope, taskId) => tasksInForce().find(scope, taskId),
    },
  };
}
