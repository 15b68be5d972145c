import type { ClientRequest } from './client-message.ts';
import { foldedNames, hasLookalike, isJsonObject, ownValue } from './json-value.ts';
import type { MediatedRequest } from './pending-requests.ts';
import { RPC_CODES, gatewayError } from './rpc-error.ts';
import type { RpcError } from './rpc-error.ts';
import type { TaskLedger } from './task-ledger.ts';

type TaskRequest = Pick<ClientRequest, 'method' | 'params'>;

const TASK_METHODS = new Set(['tasks/result', 'tasks/get']);
const TASK_PARAMS = foldedNames('taskId');

/** Whether the response to `method` holds the result of an operation that was called before. */
export function asksForTask(method: string): boolean {
  return TASK_METHODS.has(method);
}

/** The operation that became the task which a request is about; undefined when nobody in `scope` began one. */
export function findTask(tasks: TaskLedger, request: TaskRequest, scope: string): MediatedRequest | undefined {
  const { params } = request;
  const taskId = params === undefined || hasLookalike(params, TASK_PARAMS) ? undefined : ownValue(params, 'taskId');
  const task = typeof taskId === 'string' ? tasks.find(scope, taskId) : undefined;
  return task && { ...task, nested: request.method === 'tasks/get' };
}

/** A request with an envelope of its own speaks MCP 2026-07-28, which has no method `tasks/result`. */
export function unknownTask({ method, params }: TaskRequest): RpcError {
  if (method === 'tasks/result' && isJsonObject(ownValue(params, '_meta'))) {
    return gatewayError(RPC_CODES.methodNotFound, 'method_not_found', 'this method is not served');
  }
  return gatewayError(RPC_CODES.invalidParams, 'unknown_task', 'no operation of this caller became this task');
}
