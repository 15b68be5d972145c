/** What a process of the gateway section is started with. */
export interface Settings {
  /** URL of the MCP endpoint behind it; empty for the upstream itself. */
  readonly upstream: string;
  /** Text of the gateway's bundle; empty for the others. */
  readonly bundle: string;
}
