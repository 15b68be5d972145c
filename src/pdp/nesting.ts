/**
 * How deep brackets of any kind stand inside one another in `text`, outside of strings and of comments that begin with
 * `//`. A first bound for parsers that recurse; mismatched brackets count as they come.
 */
export function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quote !== '') {
      if (character === '\\') i += 1;
      else if (character === quote) quote = '';
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === '/' && text.charAt(i + 1) === '/') {
      const end = text.indexOf('\n', i);
      if (end < 0) break;
      i = end;
    } else if ('([{'.includes(character)) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (')]}'.includes(character)) {
      depth -= 1;
    }
  }
  return deepest;
}
