import type { ArgumentMap } from '../language/ast.ts';
import type { Awaitable } from '../session/label-store.ts';
import type { Entity, Extensions, JsonValue, Phase } from './operation.ts';
import type { CallContext, PluginContext } from './plugin.ts';

/** What an external decision point is asked. */
export interface DecisionQuestion {
  readonly phase: Phase;
  readonly entity: Entity;
  readonly extensions: Extensions;
  readonly args: JsonValue | undefined;
  readonly result: JsonValue | undefined;
  readonly labels: ReadonlySet<string>;
  /** Reads an attribute by dotted name as policy would; undefined when missing. */
  readonly attribute: (path: string) => JsonValue | undefined;
}

/** `diagnostics` go into trace and audit only. Anything else than one of these denies with `pdp.<dialect>.error`. */
export type DecisionAnswer =
  | { readonly outcome: 'allow'; readonly diagnostics?: readonly string[] }
  | {
      readonly outcome: 'deny';
      readonly code?: string;
      readonly reason?: string;
      readonly diagnostics?: readonly string[];
    };

/** One step's question, prepared at load. A throw, a rejection or a timeout denies. */
export type PreparedQuestion = (question: DecisionQuestion, call: CallContext) => Awaitable<DecisionAnswer>;

export interface DecisionPoint {
  /**
   * Prepares the question of one step. `body` is the step's map without its reactions; `argument` is what stood in the
   * parentheses of `opa("path")`. Throws an `Error` that tells the author what is wrong with the step.
   */
  prepare(body: ArgumentMap, argument: string | undefined): PreparedQuestion;
  close?(): Awaitable<void>;
}

/** Makes the decision points of one `kind`; contract of `configSchema` and `create` as for plugins. */
export interface DecisionPointKind {
  readonly kind: string;
  /** The key that steps are written under, unless the entry names another with `dialect`. */
  readonly dialect: string;
  readonly configSchema: Readonly<Record<string, unknown>>;
  create(config: Readonly<Record<string, unknown>>, context: PluginContext): DecisionPoint;
}
