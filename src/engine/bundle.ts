import type { Awaitable } from '../session/label-store.ts';
import type { SessionRules } from '../session/session-rules.ts';
import type { StoreReference } from '../session/store-reference.ts';
import type { QuestionDesk } from './elicitation/question-desk.ts';
import type { StorageReference } from '../transport/storage-reference.ts';
import type { EntityType } from './operation.ts';
import type { Programs } from './program.ts';
import type { RouteTable } from './route-table.ts';

/** A loaded, validated and compiled bundle: what an engine decides with. Immutable but for the stores behind its references. */
export interface Bundle {
  /** SHA-256 over the bundle's sources and attribute files, hex. */
  readonly digest: string;
  readonly routes: RouteTable;
  /** What requests get that no route matches, by entity type. */
  readonly unmatched: Readonly<Record<EntityType, Programs>>;
  /** Whether some plugin observes decisions. */
  readonly observed: boolean;
  readonly sessions: StoreReference;
  /** The questions to humans that its steps ask. */
  readonly questions: QuestionDesk;
  /** Digest of the `session_store` block: bundles with an equal one share one store across a reload. */
  readonly sessionStoreBlock: string;
  /** How sessions are told apart; undefined for the usual order of host, claim `session_id` and identity. */
  readonly sessionRules: SessionRules | undefined;
  readonly transport: StorageReference;
  /** Digest of the `transport_sessions` block, as of the other; undefined when there is none. */
  readonly transportSessionsBlock: string | undefined;
  /** What becomes of an operation that labels the session without having one. */
  readonly onMissingSession: 'ignore' | 'deny';
  /** Starts the plugins; a rejection makes the bundle unusable. */
  initialize(): Awaitable<void>;
  /** Ends plugins and decision points, not the stores. */
  close(): Awaitable<void>;
}
