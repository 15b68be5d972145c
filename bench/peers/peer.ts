import type { Operation } from '../../src/engine/operation.ts';

/**
 * The same policy in another engine that runs in process. What it decides on is prepared beforehand, as a host that knows
 * its callers would, so that only the decision is measured.
 */
export interface Peer<Input> {
  readonly name: string;
  /** Whether it does the same work, so that there is a limit to reach. Absent means true. */
  readonly judged?: boolean;
  prepare(operation: Operation): Input;
  allows(input: Input): boolean | Promise<boolean>;
}

/** A peer whose kind of input nobody needs to know. */
export interface PreparedPeer {
  readonly name: string;
  readonly judged: boolean;
  readonly async: boolean;
  /** Decides on `operation` as often as asked; answers the last decision. */
  prepare(operation: Operation): () => boolean | Promise<boolean>;
}

export function preparedPeer<Input>(peer: Peer<Input>, async = false): PreparedPeer {
  return {
    name: peer.name,
    judged: peer.judged ?? true,
    async,
    prepare(operation) {
      const input = peer.prepare(operation);
      return () => peer.allows(input);
    },
  };
}

/** The facts of the standard request as plain data. */
export interface Facts {
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly labels: readonly string[];
  readonly depth: number;
}

export function factsOf({ extensions }: Operation): Facts {
  return {
    roles: extensions?.subject?.roles ?? [],
    permissions: extensions?.subject?.permissions ?? [],
    labels: extensions?.labels ?? [],
    depth: extensions?.delegation?.depth ?? 0,
  };
}
