import { didYouMean } from '../diagnostics/nearest.ts';
import type { Range, TaintScope } from './ast.ts';
import { type Item, parseItems } from './parse-arguments.ts';
import type { TextReport } from './text-report.ts';
import { memberOf, TAINT_SCOPES } from './vocabulary.ts';

/**
 * `label [ "," (scope | "[" scope { "," scope } "]") ]`, the arguments of `taint(...)` as an effect and as a stage.
 * Quotes around the label are not part of it. Without a scope the label goes to the session.
 */
export function parseTaint(
  out: TextReport,
  inner: Range,
): { readonly label: string; readonly scopes: readonly TaintScope[] } | undefined {
  const items = parseItems(out, inner, 'taint');
  if (!items) return undefined;
  const [label, scope, surplus] = items;
  if (!label || label.kind === 'list' || label.value.trim() === '') {
    const { start, end } = label?.range ?? { start: inner.start - 1, end: inner.end + 1 };
    out.add('language/missing-argument', start, end, '`taint(...)` needs a label', 'write `taint(label)`');
    return undefined;
  }
  if (surplus) {
    const { start, end } = surplus.range;
    const message = '`taint(...)` takes a label and a scope';
    out.add(
      'language/too-many-arguments',
      start,
      end,
      message,
      'several scopes are a list: `taint(label, [session, message])`',
    );
    return undefined;
  }
  const scopes = scope ? readScopes(out, scope) : DEFAULT_SCOPES;
  return scopes && { label: label.value, scopes };
}

const DEFAULT_SCOPES: readonly TaintScope[] = ['session'];

function readScopes(out: TextReport, item: Item): readonly TaintScope[] | undefined {
  if (item.kind !== 'list') {
    const scope = readScope(out, item);
    return scope && [scope];
  }
  if (item.items.length === 0) {
    out.add('language/empty-list', item.range.start, item.range.end, 'the list of scopes of `taint(...)` is empty');
    return undefined;
  }
  const scopes = item.items.map((each) => readScope(out, each));
  const present = scopes.filter((scope) => scope !== undefined);
  return present.length < scopes.length ? undefined : [...new Set(present)];
}

function readScope(out: TextReport, item: Item): TaintScope | undefined {
  const scope = item.kind === 'list' ? undefined : memberOf(TAINT_SCOPES, item.value);
  if (scope) return scope;
  const { start, end } = item.range;
  const near = item.kind === 'list' ? undefined : didYouMean(item.value, TAINT_SCOPES);
  const message = `${out.quote(start, end)} is not a scope of \`taint(...)\``;
  out.add('language/unknown-scope', start, end, message, near ?? 'the scopes are `session` and `message`');
  return undefined;
}
