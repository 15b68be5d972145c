import { LRUCache } from 'lru-cache';
import type { MediatedRequest } from './pending-requests.ts';

/**
 * Operations that go on as tasks, by who began them and task id, so that a result fetched later is decided as the call
 * that it belongs to. What was forgotten is unknown, and results of unknown tasks are not fetched. Source: MCP
 * 2025-11-25, tasks; tasks extension of 2026-07-28.
 */
export interface TaskLedger {
  remember(taskId: string, request: MediatedRequest): void;
  find(scope: string, taskId: string): MediatedRequest | undefined;
}

const TASK_LIFETIME_MS = 86_400_000;

export function createTaskLedger(maxTasks: number): TaskLedger {
  const tasks = new LRUCache<string, MediatedRequest>({ max: maxTasks, ttl: TASK_LIFETIME_MS, updateAgeOnGet: true });
  const keyOf = (scope: string, taskId: string): string => JSON.stringify([scope, taskId]);
  return {
    remember: (taskId, request) => void tasks.set(keyOf(request.scope, taskId), request),
    find: (scope, taskId) => tasks.get(keyOf(scope, taskId)),
  };
}
