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
  /**
   * Everything under the first name of attributes (`subject`, `args`, …) as nested data; undefined when there is
   * nothing. Null, empty lists and empty objects inside it stand for absent attributes. Never changed by the reader.
   */
  namespace(name: string): JsonValue | undefined;
  /** Every name that `namespace` may have something for. */
  namespaces(): ReadonlySet<string>;
}

/**
 * Reads one attribute: scalars as policy sees them, lists of scalars as sorted sets of text, objects and lists of objects
 * as the data they are. Undefined is an absent attribute, as are null and what is empty.
 */
export type AttributeReader = (question: DecisionQuestion) => JsonValue | undefined;

/** `diagnostics` go into trace and audit only. Anything else than one of these denies with `pdp.<dialect>.error`. */
export type DecisionAnswer =
  | { readonly outcome: 'allow'; readonly diagnostics?: readonly string[] }
  | {
      readonly outcome: 'deny';
      /** Default `pdp.<dialect>.deny`. */
      readonly code?: string;
      readonly reason?: string;
      readonly diagnostics?: readonly string[];
    };

/** One step's question, prepared at load. A throw, a rejection or a timeout denies. */
export type PreparedQuestion = (question: DecisionQuestion, call: CallContext) => Awaitable<DecisionAnswer>;

/** What a step may need while it is prepared. */
export interface StepContext {
  /** Every first name that attributes can have without raw attributes of the host. */
  readonly namespaces: ReadonlySet<string>;
  /** Compiles the read of an attribute; every part between dots is one segment. */
  reader(path: string): AttributeReader;
  /** Tells the author of something that loads and is probably not meant. */
  warn(message: string, help?: string): void;
}

export interface DecisionPoint {
  /** True when its questions answer at once: they then run without a timer and see a signal that is never aborted. */
  readonly synchronous?: boolean;
  /** Most time that one answer may take, in milliseconds; the host's limit when absent. */
  readonly timeout?: number;
  /** Files that it was made from: they count in the digest of the bundle. */
  readonly sources?: readonly { readonly name: string; readonly text: string }[];
  /**
   * Prepares the question of one step. `body` is the step's map without its reactions; `argument` is what stood in the
   * parentheses of `opa("path")`. Throws an `Error` that tells the author what is wrong with the step.
   */
  prepare(body: ArgumentMap, argument: string | undefined, context: StepContext): PreparedQuestion;
  /** Called once before the first operation; a rejection makes the bundle unusable. */
  initialize?(): Awaitable<void>;
  close?(): Awaitable<void>;
}

/** What a decision point gets from its process when it is made. `name` is its dialect. */
export interface DecisionPointContext extends PluginContext {
  /** Environment variables, for secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Makes the decision points of one `kind`; contract of `configSchema` as for plugins. `create` is where libraries are
 * imported and policies read and parsed; what it throws is shown to the author. It must not dial.
 */
export interface DecisionPointKind {
  readonly kind: string;
  /** The key that steps are written under, unless the entry names another with `dialect`. */
  readonly dialect: string;
  readonly configSchema: Readonly<Record<string, unknown>>;
  create(config: Readonly<Record<string, unknown>>, context: DecisionPointContext): Awaitable<DecisionPoint>;
}
