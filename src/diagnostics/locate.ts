import type { DocumentNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import type { Diagnostic } from './diagnostic.ts';

/** `diagnostics`, each with the `path` of its place where one of `roots` was read from the same source. */
export function withPaths(diagnostics: readonly Diagnostic[], roots: readonly DocumentNode[]): readonly Diagnostic[] {
  return diagnostics.map((diagnostic) => {
    if (diagnostic.path !== undefined) return diagnostic;
    const root = roots.find(({ span }) => span.source === diagnostic.span.source);
    return root === undefined ? diagnostic : { ...diagnostic, path: pointerAt(root, diagnostic.span) };
  });
}

/**
 * JSON pointer (RFC 6901) from `root`, a document as read from one source, to the innermost node whose text or key covers
 * `span`. The empty pointer is the whole document. What an alias stands for is found where it was written.
 */
export function pointerAt(root: DocumentNode, span: Span): string {
  let pointer = '';
  let node: DocumentNode | undefined = root;
  while (node !== undefined) {
    let inner: DocumentNode | undefined;
    if (node.kind === 'sequence') {
      const index = node.items.findIndex((item) => covers(item.span, span));
      inner = node.items[index];
      if (inner !== undefined) pointer += `/${index}`;
    } else if (node.kind === 'map') {
      const entry = node.entries.find((each) => covers(each.keySpan, span) || covers(each.value.span, span));
      if (entry !== undefined) pointer += `/${entry.key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      inner = entry !== undefined && covers(entry.value.span, span) ? entry.value : undefined;
    }
    node = inner;
  }
  return pointer;
}

function covers(outer: Span, inner: Span): boolean {
  return outer.source === inner.source && outer.start <= inner.start && inner.end <= outer.end;
}
