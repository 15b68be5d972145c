import type { CompileScope } from '../engine/compile-scope.ts';
import type { Phase } from '../engine/operation.ts';
import { compileStep, type CompiledStep, type StepCode } from '../engine/steps.ts';
import type { Step } from '../language/ast.ts';
import { withText } from '../language/with-text.ts';
import type { DocumentNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import type { KnownRule } from './known-texts.ts';
import { inPlace, type Note } from './notes.ts';

/** A list of rules of the section at `place`. */
export interface RuleList {
  readonly place: string;
  readonly name: 'pre_invocation' | 'post_invocation';
}

/** A rule as written in one place. */
export class ParsedRule {
  readonly known: KnownRule;
  readonly #node: DocumentNode;
  readonly #list: RuleList;
  readonly #index: number;

  constructor(known: KnownRule, node: DocumentNode, list: RuleList, index: number) {
    this.known = known;
    this.#node = node;
    this.#list = list;
    this.#index = index;
  }

  /** The code of its denials. */
  get place(): string {
    return `${this.#list.place}.${this.#list.name}[${this.#index}]`;
  }

  get step(): Step {
    const { root } = this.known;
    return this.#node.kind === 'scalar' ? (withText(root, this.#node.text) ?? root) : root;
  }

  get span(): Span {
    const { text, range } = this.known.root;
    return (this.#node.kind === 'scalar' ? this.#node.text : text).span(range.start, range.end);
  }

  notes(phase: Phase): readonly Note[] {
    return inPlace(this.known.notes(phase), this.known.root.text, this.#node);
  }

  compile(phase: Phase, scope: CompileScope): CompiledStep {
    const code = this.known.code(() => compileStep(this.step, { phase, place: this.place }, scope).code);
    return new PlacedStep(code, this);
  }
}

/** A compiled rule. */
class PlacedStep implements CompiledStep {
  readonly code: StepCode;
  readonly #rule: ParsedRule;

  constructor(code: StepCode, rule: ParsedRule) {
    this.code = code;
    this.#rule = rule;
  }

  get place(): string {
    return this.#rule.place;
  }

  get at(): Span {
    return this.#rule.span;
  }
}
