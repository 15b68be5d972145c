import type { IdentityOutcome } from '../../engine/plugin.ts';

/**
 * Why a credential is refused, with the whole text that leaves this plugin about it. The texts are constant, so that no
 * part of a token can get into them.
 */
const REASONS = {
  'auth.malformed_header': 'the request has no well-formed token in the expected header',
  'auth.untrusted_issuer': 'the token comes from an issuer that is not trusted here',
  'auth.jwks_unavailable': 'the keys of the token issuer are not available',
  'auth.unknown_kid': 'the token names a key that its issuer does not publish',
  'auth.signature_invalid': 'the signature of the token does not verify',
  'auth.token_expired': 'the token has expired',
  'auth.token_not_yet_valid': 'the token is not valid yet',
  'auth.audience_mismatch': 'the token was not issued for this audience',
  'auth.algorithm_mismatch': 'the token is signed with an algorithm that is not accepted from its issuer',
  'auth.mapping_failed': 'the token lacks the claims that identify its bearer',
  'auth.token_invalid': 'the token is not valid',
} as const;

export type IdentityFailure = keyof typeof REASONS;

function outcomeOf(code: IdentityFailure): IdentityOutcome {
  const violation = Object.freeze({ code, reason: REASONS[code], details: Object.freeze({}) });
  return Object.freeze({ outcome: 'denied', violation });
}

const outcomes = new Map<IdentityFailure, IdentityOutcome>();

/** The denial of a failure; the same frozen object each time. */
export function denied(failure: IdentityFailure): IdentityOutcome {
  let outcome = outcomes.get(failure);
  if (!outcome) {
    outcome = outcomeOf(failure);
    outcomes.set(failure, outcome);
  }
  return outcome;
}
