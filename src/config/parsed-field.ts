import type { CompileScope } from '../engine/compile-scope.ts';
import { compileField, type CompiledField } from '../engine/field-pipeline.ts';
import type { Phase } from '../engine/operation.ts';
import type { LayerField } from '../engine/program.ts';
import type { CompiledStep, StepCode } from '../engine/steps.ts';
import type { FieldPath, Pipeline } from '../language/ast.ts';
import type { MapEntry, ScalarNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import type { KnownText } from './known-texts.ts';
import { inPlace, type Note } from './notes.ts';

/** A field and its pipeline as written. */
export class ParsedField {
  readonly path: FieldPath;
  readonly append: boolean;
  readonly #entry: MapEntry;
  readonly #known: KnownText<Pipeline>;
  readonly #written: ScalarNode;
  readonly #place: string;

  /** `written` is the pipeline of `entry`, and `place` that of the map that holds it. */
  constructor(
    entry: MapEntry,
    path: FieldPath,
    known: KnownText<Pipeline>,
    written: ScalarNode,
    place: string,
    append: boolean,
  ) {
    this.path = path;
    this.append = append;
    this.#entry = entry;
    this.#known = known;
    this.#written = written;
    this.#place = place;
  }

  get name(): string {
    return this.#entry.key;
  }

  get keySpan(): Span {
    return this.#entry.keySpan;
  }

  /** The code of its refusals. */
  get place(): string {
    return `${this.#place}.${this.name}`;
  }

  get pipeline(): Pipeline {
    return { ...this.#known.root, text: this.#written.text };
  }

  compile(target: 'args' | 'result', scope: CompileScope): LayerField {
    const { name, path, pipeline } = this;
    return new PlacedField(compileField({ name, path, pipeline }, target, scope), this);
  }

  notes(phase: Phase): readonly Note[] {
    return inPlace(this.#known.notes(phase), this.#known.root.text, this.#written);
  }
}

/** A compiled field, which is its own step. */
class PlacedField implements LayerField, CompiledStep {
  readonly code: StepCode;
  readonly atRoot: CompiledField['atRoot'];
  readonly #field: ParsedField;

  constructor(code: CompiledField, field: ParsedField) {
    this.code = code;
    this.atRoot = code.atRoot;
    this.#field = field;
  }

  get name(): string {
    return this.#field.name;
  }

  get append(): boolean {
    return this.#field.append;
  }

  get step(): CompiledStep {
    return this;
  }

  get place(): string {
    return this.#field.place;
  }

  get at(): Span {
    return this.#field.keySpan;
  }
}
