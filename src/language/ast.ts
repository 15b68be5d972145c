import type { DocumentNode } from '../text/document.ts';
import type { Text } from '../text/text.ts';

/** Half-open UTF-16 offsets into the `Text` that the enclosing root was parsed from. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

// Predicates

/** `path = segment { "." segment | "[" (path | string) "]" }` */
export interface Path {
  readonly kind: 'path';
  readonly segments: readonly Segment[];
  readonly range: Range;
}

/** `name`: written after a dot or first. `literal`: a quoted string in brackets. `lookup`: a path in brackets. */
export type Segment =
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'lookup'; readonly path: Path };

/** A number that JavaScript would round keeps its exact value as bigint (`integer`) or its text (`float`). */
export type Literal =
  | { readonly kind: 'string'; readonly value: string; readonly range: Range }
  | { readonly kind: 'integer'; readonly value: number | bigint; readonly range: Range }
  | { readonly kind: 'float'; readonly value: number; readonly range: Range }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly range: Range };

export type ComparisonOperator = '==' | '!=' | '>' | '>=' | '<' | '<=';

export type Predicate =
  | { readonly kind: 'or'; readonly operands: readonly Predicate[]; readonly range: Range }
  | { readonly kind: 'and'; readonly operands: readonly Predicate[]; readonly range: Range }
  | { readonly kind: 'not'; readonly operand: Predicate; readonly range: Range }
  | { readonly kind: 'truthy'; readonly path: Path; readonly range: Range }
  | { readonly kind: 'exists'; readonly path: Path; readonly range: Range }
  | {
      readonly kind: 'compare';
      readonly path: Path;
      readonly operator: ComparisonOperator;
      readonly literal: Literal;
      readonly range: Range;
    }
  | { readonly kind: 'contains'; readonly path: Path; readonly literal: Literal; readonly range: Range }
  | {
      readonly kind: 'in';
      readonly path: Path;
      readonly negated: boolean;
      readonly set: Path;
      readonly range: Range;
    };

// Field pipelines

/** Where a pipeline's field stands in a JSON value: `employees[*].ssn`, `*.id`, `items[0].name`. */
export interface FieldPath {
  readonly kind: 'field-path';
  readonly segments: readonly FieldSegment[];
  readonly range: Range;
}

/** `elements`: `[*]`, every element of an array. `members`: `*`, every value of an object. `index`: `[0]`. */
export type FieldSegment =
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'elements' }
  | { readonly kind: 'members' }
  | { readonly kind: 'index'; readonly index: number };

export type TaintScope = 'session' | 'message';

export type Stage =
  | { readonly kind: 'type'; readonly type: 'str' | 'int' | 'bool' | 'float'; readonly range: Range }
  | { readonly kind: 'format'; readonly format: 'email' | 'url' | 'uuid'; readonly range: Range }
  /** Inclusive integer bounds; at least one is present. Bounds outside ±(2^53−1) are bigint. */
  | {
      readonly kind: 'range';
      readonly minimum?: number | bigint;
      readonly maximum?: number | bigint;
      readonly range: Range;
    }
  /** Inclusive bounds in Unicode code points; at least one is present. */
  | { readonly kind: 'length'; readonly minimum?: number; readonly maximum?: number; readonly range: Range }
  | { readonly kind: 'enum'; readonly values: readonly string[]; readonly range: Range }
  | { readonly kind: 'regex'; readonly pattern: string; readonly range: Range }
  | { readonly kind: 'mask'; readonly keep: number; readonly range: Range }
  | { readonly kind: 'redact'; readonly when?: Predicate; readonly range: Range }
  | { readonly kind: 'omit'; readonly range: Range }
  | { readonly kind: 'hash'; readonly range: Range }
  | { readonly kind: 'taint'; readonly label: string; readonly scopes: readonly TaintScope[]; readonly range: Range }
  | { readonly kind: 'plugin'; readonly name: string; readonly range: Range }
  | {
      readonly kind: 'scan';
      readonly scan: 'pii.detect' | 'pii.redact' | 'injection.scan';
      readonly range: Range;
    };

/** `stage { "|" stage }`; ranges are offsets into `text`. */
export interface Pipeline {
  readonly kind: 'pipeline';
  readonly stages: readonly Stage[];
  readonly text: Text;
}

// Rules

/** A value of `delegate(...)` and of the human questions: text, number, boolean, or a list of these. */
export type ArgumentValue = string | number | boolean | null | readonly ArgumentValue[] | ArgumentMap;
export interface ArgumentMap {
  readonly [key: string]: ArgumentValue;
}

export type ElicitationVerb =
  | 'require_approval'
  | 'confirm'
  | 'require_step_up'
  | 'require_attestation'
  | 'request_info'
  | 'require_review';

/** What every step has: the text it was written in (a rule string, or the key of a map form) and its range there. */
interface StepBase {
  readonly text: Text;
  readonly range: Range;
}

/**
 * One entry of a rule list. Everything a rule list can hold is a step, so that every form may stand wherever a step may.
 * Source: policy language, section 2.
 */
export type Step =
  | (StepBase & { readonly kind: 'allow' })
  | (StepBase & { readonly kind: 'deny'; readonly reason?: string; readonly code?: string })
  /** `require(a, b)` is mode `all`, `require(a | b)` is one `or` predicate. Denies unless every predicate holds. */
  | (StepBase & { readonly kind: 'require'; readonly predicates: readonly Predicate[] })
  /** `predicate: effect`, `{when, do}`, `{predicate: [effects]}`; a bare predicate has one `deny` as its steps. */
  | (StepBase & {
      readonly kind: 'when';
      readonly predicate: Predicate;
      /** The text that `predicate`'s ranges point into; differs from `text` in the map forms. */
      readonly predicateText: Text;
      readonly steps: readonly Step[];
      readonly id?: string;
    })
  | (StepBase & { readonly kind: 'taint'; readonly label: string; readonly scopes: readonly TaintScope[] })
  | (StepBase & { readonly kind: 'plugin'; readonly name: string })
  | (StepBase & {
      readonly kind: 'delegate';
      readonly plugin: string;
      readonly onError: 'deny' | 'continue';
      readonly config: ArgumentMap;
    })
  | (StepBase & {
      readonly kind: 'elicit';
      readonly verb: ElicitationVerb;
      readonly plugin: string;
      readonly from: string;
      readonly channel?: string;
      readonly scope?: { readonly predicate: Predicate; readonly text: Text };
      readonly purpose?: string;
      readonly timeout?: string;
      readonly onError: 'deny' | 'continue';
      readonly config: ArgumentMap;
    })
  | (StepBase & {
      readonly kind: 'decide';
      /** `cedar`, `cel`, `opa`, `authzen`, `nemo`, or a dialect that a host registered. */
      readonly dialect: string;
      /** What stands between the parentheses of `opa("path")`. */
      readonly argument?: string;
      /** The body without its reactions, as plain data. */
      readonly body: ArgumentMap;
      readonly bodyNode: DocumentNode;
      readonly onAllow: readonly Step[];
      readonly onDeny: readonly Step[];
    })
  | (StepBase & { readonly kind: 'restrict'; readonly restriction: Restriction })
  | (StepBase & { readonly kind: 'sequential'; readonly steps: readonly Step[] })
  | (StepBase & { readonly kind: 'parallel'; readonly steps: readonly Step[] })
  | (StepBase & {
      readonly kind: 'field';
      readonly target: 'args' | 'result';
      readonly path: FieldPath;
      readonly pipeline: Pipeline;
    });

/** A list written out, or a path read at decision time that gives a set or one string. */
export type RestrictedSet =
  | { readonly kind: 'values'; readonly values: readonly string[] }
  | { readonly kind: 'reference'; readonly path: Path; readonly text: Text };

/** Narrows the backends a router may choose. At least one member besides `onEmpty` is present. */
export interface Restriction {
  readonly allowModels?: RestrictedSet;
  readonly denyModels?: RestrictedSet;
  readonly allowRegions?: RestrictedSet;
  readonly allowSites?: RestrictedSet;
  readonly maxCostTier?: string;
  readonly custom?: Readonly<Record<string, string>>;
  readonly onEmpty: 'deny' | 'fallback';
}
