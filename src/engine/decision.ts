import type { Constraint } from './constraint.ts';
import type { Span } from '../text/source.ts';
import type { JsonValue, Phase } from './operation.ts';
import type { TaintScope } from '../language/ast.ts';

/**
 * Why an operation was not simply allowed. `code` is stable: the author's, the rule's place in the bundle, or one of
 * the engine's own (`route.unmatched`, `session.load_failed`, …). `details` may hold `http.status`, `http.body` and
 * `http.headers` from the route's `response`.
 */
export interface Violation {
  readonly code: string;
  readonly reason: string;
  readonly details: Readonly<Record<string, JsonValue>>;
}

export interface Taint {
  readonly label: string;
  readonly scopes: readonly TaintScope[];
}

/** A credential minted for the upstream; `header` carries it. `token` does not enumerate. Never logged. */
export interface DelegatedToken {
  readonly token: string;
  readonly header: string;
}

/** One executed step, in order. `inputs` holds the attributes a predicate read, never field values of a pipeline. */
export interface TraceStep {
  readonly place: string;
  readonly span: Span;
  readonly outcome: 'allow' | 'continue' | 'deny' | 'pending' | 'skipped' | 'modified';
  readonly inputs?: Readonly<Record<string, JsonValue>>;
  /** What a decision point told of its answer. */
  readonly diagnostics?: readonly string[];
}

/** One answer of a decision point, for traces and audit records. */
export interface Consultation {
  readonly dialect: string;
  /** Place of the asking step in the bundle. */
  readonly place: string;
  readonly outcome: 'allow' | 'deny' | 'failed';
  /** Names of policies, attributes and rules; never attribute values. */
  readonly diagnostics: readonly string[];
}

/**
 * The outcome of a phase. `args` and `result` are what is to be forwarded; they are the very objects given when
 * `modified` says that nothing changed, else copies of the touched path. Only `allow` may be forwarded.
 */
export interface Decision {
  readonly decision: 'allow' | 'deny' | 'pending';
  readonly phase: Phase;
  /** Null exactly when `decision` is `allow`. */
  readonly violation: Violation | null;
  /** Place of the route that decided, such as `tool:get_compensation`; undefined when no route matched. */
  readonly route: string | undefined;
  readonly args: JsonValue | undefined;
  readonly result: JsonValue | undefined;
  readonly modified: { readonly args: boolean; readonly result: boolean };
  readonly taints: readonly Taint[];
  /** Labels of the session after this phase; empty without a session. */
  readonly labels: ReadonlySet<string>;
  readonly constraint: Constraint | null;
  /** Minted by `delegate` steps of this phase, in order; absent without one. */
  readonly delegatedTokens?: readonly DelegatedToken[];
  /**
   * Headers that plugins of `pre` set on the request to the upstream, by lower-case name; null takes one away. Absent
   * when none did.
   */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** The decision points asked in this phase, in the order of their answers; absent when none was. */
  readonly consultations?: readonly Consultation[];
  /**
   * A signed handle of the session as it is after this phase, for the client to send with its next request. Only when
   * the bundle gives out handles and the operation has a session.
   */
  readonly handle?: string;
  /** Only when the engine was asked to trace. */
  readonly trace?: readonly TraceStep[];
}
