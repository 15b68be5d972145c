/** A credential as it arrived. Never logged. */
export interface InboundCredential {
  readonly role: 'user' | 'client' | 'caller_workload';
  readonly token: string;
  readonly header: string;
}
