import type { ElicitationVerb } from '../../language/ast.ts';
import type { JsonValue } from '../operation.ts';
import { operationName } from './operation-name.ts';
import type { Question } from './question.ts';

/** A question as operators see it. Times are RFC 3339. */
export interface ListedQuestion {
  readonly id: string;
  readonly verb: ElicitationVerb;
  readonly requester: string;
  /** What they want to do, as `operationName` has it. */
  readonly operation: string;
  readonly approver: string;
  readonly channel?: string;
  readonly purpose?: string;
  /** Masked, but for what the step shows. */
  readonly arguments: JsonValue;
  readonly asked_at: string;
  readonly expires_at: string;
}

export function listedQuestion(question: Question): ListedQuestion {
  const { id, verb, requester, entity, approver, channel, purpose, shown, askedAt, expiresAt } = question;
  const [type, scope, name] = entity;
  return {
    id,
    verb,
    requester,
    operation: operationName({ type, scope, name }),
    approver,
    ...(channel === null ? {} : { channel }),
    ...(purpose === null ? {} : { purpose }),
    arguments: shown,
    asked_at: new Date(askedAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
  };
}
