import type { Constraint } from '../../engine/constraint.ts';
import { admitsBackend, type BackendLabels } from '../../engine/restrict.ts';
import type { CheckedUpstream } from '../options/read-options.ts';
import { createUpstream } from './upstream.ts';
import type { Upstream, UpstreamLimits } from './upstream.ts';

/** One of the servers behind a gateway, with its own pool of connections. */
export interface NamedUpstream {
  /** As operators know it; in logs, metrics and session records. */
  readonly name: string;
  readonly labels: BackendLabels;
  /** URL of its MCP endpoint. */
  readonly endpoint: string;
  /** Path of its MCP endpoint. */
  readonly mcpPath: string;
  readonly pool: Upstream;
  /** Notes that no connection to it could be made: for some seconds the others are tried first. */
  avoid(): void;
  avoided(): boolean;
}

export interface UpstreamSet {
  /**
   * Those that requests under `constraint` may go to, best first: in the order configured, the ones that could not be
   * connected to lately behind the others. Empty when the constraint admits none and does not fall back.
   */
  admitted(constraint: Constraint | null): readonly NamedUpstream[];
  /** Undefined for a name that is not configured (any more). */
  named(name: string): NamedUpstream | undefined;
  /** Waits for the exchanges under way. */
  close(): Promise<void>;
  /** Cuts them. */
  destroy(): Promise<void>;
}

const AVOIDED_MS = 10_000;

/** `rankOf` orders cost tiers, cheaper ones lower; see `admitsBackend`. */
export function createUpstreamSet(
  checked: readonly CheckedUpstream[],
  rankOf: (tier: string) => number | undefined,
  limits: UpstreamLimits,
): UpstreamSet {
  const all = checked.map(({ name, url, mcpPath, labels }): NamedUpstream => {
    let avoidedUntil = 0;
    return {
      name,
      labels,
      endpoint: `${url.origin}${mcpPath}`,
      mcpPath,
      pool: createUpstream(url.origin, limits),
      avoid: () => void (avoidedUntil = performance.now() + AVOIDED_MS),
      avoided: () => performance.now() < avoidedUntil,
    };
  });
  const byName = new Map(all.map((upstream) => [upstream.name, upstream]));
  const bestFirst = (upstreams: readonly NamedUpstream[]): readonly NamedUpstream[] => {
    if (upstreams.length < 2 || !upstreams.some((upstream) => upstream.avoided())) return upstreams;
    return upstreams.toSorted((a, b) => Number(a.avoided()) - Number(b.avoided()));
  };
  return {
    admitted(constraint) {
      if (constraint === null) return bestFirst(all);
      const admitted = all.filter(({ labels }) => admitsBackend(constraint, labels, rankOf));
      return bestFirst(admitted.length === 0 && constraint.on_empty === 'fallback' ? all : admitted);
    },
    named: (name) => byName.get(name),
    close: async () => void (await Promise.all(all.map(({ pool }) => pool.close()))),
    destroy: async () => void (await Promise.all(all.map(({ pool }) => pool.destroy()))),
  };
}
