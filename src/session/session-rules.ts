import type { SessionHandles } from './session-handle.ts';

/** Where the value that names a session may come from. Source: session state specification, "Session identity". */
export type SessionSourceRule =
  | { readonly kind: 'host' | 'a2a_context' | 'trace' | 'identity' | 'handle' }
  | { readonly kind: 'claim'; readonly name: string }
  | { readonly kind: 'meta'; readonly key: string };

/** How `global.sessions` tells sessions apart. */
export interface SessionRules {
  /** In order of strength; never empty. */
  readonly sources: readonly SessionSourceRule[];
  /** `first`: the first source with a value names the session. `union`: each with a value names one. */
  readonly mode: 'first' | 'union';
  /** Undefined when no handles are given out. */
  readonly handles: SessionHandles | undefined;
}
