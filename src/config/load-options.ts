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
  /** Milliseconds since the Unix epoch; default the system clock. */
  readonly now?: () => number;
  /** Hears of what operators must know, from load on. Must not throw. */
  readonly alarm?: (alarm: Alarm) => void;
  /** Hears what the session store does, for metrics. */
  readonly storeObserver?: StoreObserver;
}
