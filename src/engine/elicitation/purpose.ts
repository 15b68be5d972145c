import { visibleText } from '../../diagnostics/visible-text.ts';
import { stringifyJson } from '../../text/json.ts';
import { compilePath, toJson, type AttributeScope } from '../attributes.ts';
import type { Frame } from '../frame.ts';

const PLACEHOLDER = /\$\{\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}/g;
const MAX_VALUE = 200;
const MAX_PURPOSE = 2000;
const ABSENT = '(none)';

/**
 * Compiles the text that says what is asked for: `${attribute}` anywhere in it stands for the attribute's value, cut and
 * without characters that could make it look like something else.
 */
export function compilePurpose(written: string, scope: AttributeScope): (frame: Frame) => string {
  const parts: (string | ((frame: Frame) => string))[] = [];
  let from = 0;
  for (const match of written.matchAll(PLACEHOLDER)) {
    parts.push(written.slice(from, match.index), valueOf(match[1] ?? '', scope));
    from = match.index + match[0].length;
  }
  parts.push(written.slice(from));
  return (frame) => cut(parts.map((part) => (typeof part === 'string' ? part : part(frame))).join(''), MAX_PURPOSE);
}

function valueOf(name: string, scope: AttributeScope): (frame: Frame) => string {
  const segments = name.split('.').map((text) => ({ kind: 'name', text }) as const);
  const read = compilePath({ kind: 'path', segments, range: { start: 0, end: name.length } }, scope);
  return (frame) => {
    const value = toJson(read(frame));
    if (value === undefined) return ABSENT;
    return cut(visibleText(typeof value === 'string' ? value : (stringifyJson(value) ?? ABSENT)), MAX_VALUE);
  };
}

function cut(text: string, length: number): string {
  const points = Array.from(text);
  return points.length <= length ? text : `${points.slice(0, length - 1).join('')}…`;
}
