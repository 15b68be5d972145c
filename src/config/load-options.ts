import type { DecisionPointKind } from '../engine/decision-point.ts';
import type { JsonObject } from '../engine/operation.ts';
import type { PluginKind } from '../engine/plugin.ts';
import type { Alarm, SessionStoreFactory, StoreObserver } from '../session/label-store.ts';

/** What a host adds to, or takes over from, the loading of a bundle. */
export interface LoadOptions {
  /** Plugin kinds besides those of the package. */
  readonly plugins?: readonly PluginKind[];
  readonly decisionPoints?: readonly DecisionPointKind[];
  readonly sessionStores?: readonly SessionStoreFactory[];
  /** A `data` tree of the host's own; when given, the bundle's `attribute_files` are not read. */
  readonly data?: JsonObject;
  /** Folder that relative paths of the bundle start from; default the bundle's own. */
  readonly baseDirectory?: string;
  /** Environment for secrets; default the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /**
   * Folder where what reading the files gave is kept, so that the same files need not be read and checked again. Made when it
   * is missing. Only who may write the policy may be able to write there.
   */
  readonly cache?: string;
  /**
   * Reads and checks the files in a thread of their own, and compiles in slices of a millisecond, so that the thread that
   * serves requests is not held up. Takes a little longer. What is called of plugins, decision points and stores is
   * called in the calling thread all the same.
   */
  readonly worker?: boolean;
  /** Ends the thread of `worker`; `loadBundle` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds since the Unix epoch; default the system clock. */
  readonly now?: () => number;
  /** Hears of what operators must know, from load on. Must not throw. */
  readonly alarm?: (alarm: Alarm) => void;
  /** Hears what the session store does, for metrics. */
  readonly storeObserver?: StoreObserver;
}
