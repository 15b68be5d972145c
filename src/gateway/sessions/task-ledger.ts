import { LRUCache } from 'lru-cache';
import type { Awaitable } from '../../session/label-store.ts';
import {
  SessionNotFoundError,
  TransportStorageError,
  type TransportStorage,
} from '../../transport/transport-storage.ts';
import { readOperation, writeOperation } from './operation-record.ts';
import type { MediatedRequest } from './pending-requests.ts';
import { storageId } from './session-table.ts';

/**
 * Operations that go on as tasks, by who began them and task id, so that a result fetched later is decided as the call
 * that it belongs to. What was forgotten is unknown, and results of unknown tasks are not fetched. Methods may reject with
 * `TransportStorageError`. Source: MCP 2025-11-25, tasks; tasks extension of 2026-07-28.
 */
export interface TaskLedger {
  remember(taskId: string, request: MediatedRequest): Awaitable<void>;
  find(scope: string, taskId: string): Awaitable<MediatedRequest | undefined>;
}

/** Answers at once. */
export interface LocalTaskLedger extends TaskLedger {
  remember(taskId: string, request: MediatedRequest): void;
  find(scope: string, taskId: string): MediatedRequest | undefined;
}

const TASK_LIFETIME_MS = 86_400_000;

/** Tasks that were begun through this process. */
export function createLocalTasks(maxTasks: number): LocalTaskLedger {
  const tasks = new LRUCache<string, MediatedRequest>({ max: maxTasks, ttl: TASK_LIFETIME_MS, updateAgeOnGet: true });
  const keyOf = (scope: string, taskId: string): string => JSON.stringify([scope, taskId]);
  return {
    remember: (taskId, request) => void tasks.set(keyOf(request.scope, taskId), request),
    find: (scope, taskId) => tasks.get(keyOf(scope, taskId)),
  };
}

/** Tasks that any replica can fetch the results of; they are forgotten when the storage lets its sessions expire. */
export function createSharedTasks(
  storage: () => TransportStorage,
  sessionScope: string,
  now: () => number,
): TaskLedger {
  return {
    remember(taskId, request) {
      const id = storageId('task', sessionScope, request.scope, taskId);
      const time = now();
      const data = writeOperation(request);
      return storage().store({ id, type: 'streamable', createdAt: time, updatedAt: time, metadata: {}, data });
    },
    async find(scope, taskId) {
      try {
        const { data } = await storage().load(storageId('task', sessionScope, scope, taskId));
        const request = typeof data === 'string' ? readOperation(data) : undefined;
        if (request !== undefined) return request;
      } catch (error) {
        if (error instanceof SessionNotFoundError) return undefined;
        throw error;
      }
      throw new TransportStorageError('corrupt', 'the storage holds something that is not a task');
    },
  };
}
