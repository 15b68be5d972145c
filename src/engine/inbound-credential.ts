/** A credential as it arrived. Never logged; from the built-in kinds, `token` does not enumerate. */
export interface InboundCredential {
  readonly role: 'user' | 'client' | 'caller_workload';
  readonly token: string;
  readonly header: string;
}
