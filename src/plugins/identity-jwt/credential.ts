import type { InboundCredential } from '../../engine/inbound-credential.ts';

/**
 * A credential whose `token` is read by name only: `JSON.stringify`, `util.inspect`, a logger or a spread pass over it.
 * Hand the object on as it is; a copy made by spreading has no token.
 */
export function inboundCredential(role: InboundCredential['role'], header: string, token: string): InboundCredential {
  const credential = { role, header, token };
  Object.defineProperty(credential, 'token', { enumerable: false });
  return Object.freeze(credential);
}
