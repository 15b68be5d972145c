import type { Phase } from '../engine/operation.ts';
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

  notes(phase: Phase): readonly Note[] {
    return inPlace(this.#known.notes(phase), this.#known.root.text, this.#written);
  }
}
