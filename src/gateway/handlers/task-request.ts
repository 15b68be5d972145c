import type { ClientRequest } from '../protocol/client-message.ts';
import { foldedNames, hasLookalike, isJsonObject, ownValue } from '../json/json-value.ts';
import type { MediatedRequest } from '../sessions/pending-requests.ts';
import { RPC_CODES, gatewayError } from '../protocol/rpc-error.ts';
import type { RpcError } from '../protocol/rpc-error.ts';

type TaskRequest = Pick<ClientRequest, 'method' | 'params'>;

const TASK_METHODS = new Set(['tasks/result', 'tasks/get']);
const TASK_PARAMS = foldedNames('taskId');

/** Whether the response to `method` holds the result of an operation that was called before. */
export function asksForTask(method: string): boolean {
  return TASK_METHODS.has(method);
}

/** Undefined when the request does not name a task beyond doubt. */
export function taskIdOf({ params }: TaskRequest): string | undefined {
  const taskId = params === undefined || hasLookalike(params, TASK_PARAMS) ? undefined : ownValue(params, 'taskId');
  return typeof taskId === 'string' ? taskId : undefined;
}

/** The operation that became a task, as the response to `method` shows its result. */
export function fetchedBy(method: string, task: MediatedRequest): MediatedRequest {
  return { ...task, nested: method === 'tasks/get' };
}

/** A request with an envelope of its own speaks MCP 2026-07-28, which has no method `tasks/result`. */
export function unknownTask({ method, params }: TaskRequest): RpcError {
  if (method === 'tasks/result' && isJsonObject(ownValue(params, '_meta'))) {
    return gatewayError(RPC_CODES.methodNotFound, 'method_not_found', 'this method is not served');
  }
  return gatewayError(RPC_CODES.invalidParams, 'unknown_task', 'no operation of this caller became this task');
}
