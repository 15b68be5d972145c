import type { DelegateOutcome } from '../../engine/plugin.ts';
import type { AuthorizationServerError } from '../oauth-client/authorization-server.ts';

/**
 * Why no token was minted, with the whole text that leaves this plugin about it. The texts are constant, so that nothing
 * of a token, a secret or an answer can get into them. Source of the first six codes: reference facts on the built-in
 * kinds, delegator/oauth, runtime.
 */
const REASONS = {
  'delegation.bad_request': 'the request lacks a credential that the delegation needs',
  'delegation.idp_unreachable': 'the identity provider cannot be reached',
  'delegation.idp_timeout': 'the identity provider did not answer in time',
  'delegation.idp_rejected': 'the identity provider refuses the delegation',
  'delegation.bad_response': 'the identity provider gave no usable token',
  'delegation.scope_too_broad': 'the identity provider granted less than the delegation needs',
  'delegation.scope_excess': 'the identity provider granted more than was asked for',
  'delegation.audience_mismatch': 'the identity provider gave a token for another audience',
  'delegation.idp_error': 'the identity provider failed',
  'delegation.invalid_client': 'the identity provider does not accept this gateway',
  'delegation.invalid_grant': 'the identity provider does not accept the credential of the caller',
  'delegation.subject_expired': 'the credential of the caller has expired',
} as const;

export type DelegationFailure = keyof typeof REASONS;

/** Thrown while a token is minted. */
export class DelegationError extends Error {
  override readonly name = 'DelegationError';
  readonly code: DelegationFailure;

  constructor(code: DelegationFailure, options?: ErrorOptions) {
    super(REASONS[code], options);
    this.code = code;
  }
}

export function denied(code: DelegationFailure): DelegateOutcome {
  return { outcome: 'deny', violation: { code, reason: REASONS[code], details: {} } };
}

/** The failure that a request to the token endpoint stands for. */
export function delegationFailure({ failure, error }: AuthorizationServerError): DelegationFailure {
  switch (failure) {
    case 'unreachable':
    case 'cancelled':
      return 'delegation.idp_unreachable';
    case 'timeout':
      return 'delegation.idp_timeout';
    case 'status':
      return 'delegation.idp_error';
    case 'malformed':
      return 'delegation.bad_response';
    case 'refused':
      if (error === 'invalid_client') return 'delegation.invalid_client';
      return error === 'invalid_grant' ? 'delegation.invalid_grant' : 'delegation.idp_rejected';
  }
}

/** Failures that the caller brings about; the others are for operators to hear of. */
export const OF_THE_CALLER: ReadonlySet<DelegationFailure> = new Set([
  'delegation.bad_request',
  'delegation.invalid_grant',
  'delegation.subject_expired',
]);
