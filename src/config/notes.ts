import { ATTRIBUTE_NAMESPACES } from '../engine/attributes.ts';
import type { Phase } from '../engine/operation.ts';
import type { Path, Pipeline, Stage, Step } from '../language/ast.ts';
import { visit, type Visitor } from '../language/visitor.ts';
import type { DocumentNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import type { Text } from '../text/text.ts';

/** A part of a rule or pipeline that checks of the whole bundle ask for, and the text that its range points into. */
export interface Note {
  readonly node: Path | Step | Stage;
  readonly text: Text;
}

/** The notable parts of a rule or pipeline: calls of plugins, labels for the session, hashes, and doubtful attributes. */
export function notesOf(root: Step | Pipeline, phase: Phase): readonly Note[] {
  const notes: Note[] = [];
  const note = (node: Step | Stage, _ancestors: unknown, text: Text | undefined): void => {
    if (text !== undefined) notes.push({ node, text });
  };
  const visitor: Visitor = {
    path: (node, _ancestors, text) => {
      if (text !== undefined && isDoubtful(node, phase)) notes.push({ node, text });
    },
    taint: (node, ancestors, text) => {
      if (node.scopes.includes('session')) note(node, ancestors, text);
    },
    plugin: note,
    delegate: note,
    elicit: note,
    scan: note,
    hash: note,
  };
  visit(root, visitor);
  return notes.length === 0 ? NONE : notes;
}

const NONE: readonly Note[] = [];

/** `notes` of a rule or pipeline that was parsed of `text`, as if it had been parsed of `node`. */
export function inPlace(notes: readonly Note[], text: Text, node: DocumentNode): readonly Note[] {
  if (notes.length === 0 || node.kind !== 'scalar') return notes;
  const own = node.text;
  return notes.map((note) => (note.text === text ? { node: note.node, text: own } : note));
}

export function spanOf({ node: { range }, text }: Note): Span {
  return text.span(range.start, range.end);
}

/** Whether there may be no such attribute in a phase. */
export function isDoubtful({ segments: [first] }: Path, phase: Phase): boolean {
  if (first === undefined || first.kind === 'lookup') return false;
  return !ATTRIBUTE_NAMESPACES.has(first.text) || (first.text === 'result' && phase === 'pre');
}
