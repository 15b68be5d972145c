import type { ElicitOutcome } from '../../engine/plugin.ts';
import type { AuthorizationServerError } from '../oauth-client/authorization-server.ts';

/**
 * Why the OpenID provider gave no answer, with the whole text that leaves this plugin about it. The texts are constant, so
 * that nothing of a token, a secret or an answer can get into them. Source of the first four codes: reference facts on the
 * built-in kinds, `elicitation/ciba` runtime.
 */
const REASONS = {
  'elicitation.op_timeout': 'the identity provider did not answer in time',
  'elicitation.op_unreachable': 'the identity provider cannot be reached',
  'elicitation.op_rejected': 'the identity provider refuses the question',
  'elicitation.bad_response': 'the identity provider gave no usable answer',
  'elicitation.op_error': 'the identity provider failed',
  'elicitation.invalid_client': 'the identity provider does not accept this gateway',
  'elicitation.unknown_approver': 'the identity provider does not know who is asked',
  'elicitation.keys_unavailable': 'the keys of the identity provider are not available',
  'elicitation.invalid_id_token': 'the identity provider vouches for nobody',
  'elicitation.unsupported_verb': 'this channel cannot carry an answer of this kind',
} as const;

export type CibaFailure = keyof typeof REASONS;

/** Failures that say nothing about the question: trying again later can help. */
const PASSING: ReadonlySet<CibaFailure> = new Set([
  'elicitation.op_timeout',
  'elicitation.op_unreachable',
  'elicitation.op_error',
  'elicitation.keys_unavailable',
]);

/** Thrown while the provider is asked. */
export class CibaError extends Error {
  override readonly name = 'CibaError';
  readonly code: CibaFailure;

  constructor(code: CibaFailure) {
    super(REASONS[code]);
    this.code = code;
  }
}

export function failed(code: CibaFailure): ElicitOutcome {
  const violation = { code, reason: REASONS[code], details: {} };
  return { outcome: PASSING.has(code) ? 'unavailable' : 'invalid', violation };
}

/** The failure that a request to the provider stands for. */
export function failureOf({ failure, error }: AuthorizationServerError): CibaFailure {
  switch (failure) {
    case 'unreachable':
    case 'cancelled':
      return 'elicitation.op_unreachable';
    case 'timeout':
      return 'elicitation.op_timeout';
    case 'status':
      return 'elicitation.op_error';
    case 'malformed':
      return 'elicitation.bad_response';
    case 'refused':
      if (error === 'invalid_client') return 'elicitation.invalid_client';
      return error === 'unknown_user_id' ? 'elicitation.unknown_approver' : 'elicitation.op_rejected';
  }
}
