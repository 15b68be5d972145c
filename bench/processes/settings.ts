/** What a process of the sections that serve is started with. */
export interface Settings {
  /** URL of the MCP endpoint behind it; empty for the upstream itself. */
  readonly upstream: string;
  /** Text of the gateway's bundle, or the path for one that reloads it; empty for the others. */
  readonly bundle: string;
}
