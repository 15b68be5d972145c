import { didYouMean } from '../diagnostics/nearest.ts';
import type { Report } from '../diagnostics/report.ts';
import type { DocumentNode, MapEntry } from '../text/document.ts';
import type { RestrictedSet, Restriction } from './ast.ts';
import { parsePath } from './parse-predicate.ts';
import { quote } from './text-report.ts';
import { memberOf } from './vocabulary.ts';

const SETS = {
  allow_models: 'allowModels',
  deny_models: 'denyModels',
  allow_regions: 'allowRegions',
  allow_sites: 'allowSites',
} as const;
const SET_FIELDS = ['allow_models', 'deny_models', 'allow_regions', 'allow_sites'] as const;
const FIELDS = [...SET_FIELDS, 'max_cost_tier', 'custom', 'on_empty'] as const;

type Parts = { -readonly [Field in keyof Restriction]?: Restriction[Field] };

/** The body of `restrict`. `entry` is its key and value. Source: policy language, section 2; decision points, `restrict`. */
export function parseRestriction(entry: MapEntry, report: Report): Restriction | undefined {
  const body = entry.value;
  if (body.kind !== 'map') {
    report.add('language/wrong-type', body.span, '`restrict` must be a map', {
      help: 'write `restrict: {allow_models: [...]}`',
    });
    return undefined;
  }
  const parts: Parts = {};
  let failed = false;
  for (const field of body.entries) {
    if (!readField(field, parts, report)) failed = true;
  }
  if (body.entries.every((field) => field.key === 'on_empty')) {
    const help = `write one of ${FIELDS.filter((field) => field !== 'on_empty').join(', ')}`;
    report.add('language/empty-restriction', entry.keySpan, '`restrict` restricts nothing', { help });
    return undefined;
  }
  return failed ? undefined : { ...parts, onEmpty: parts.onEmpty ?? 'deny' };
}

function readField(field: MapEntry, parts: Parts, report: Report): boolean {
  const set = memberOf(SET_FIELDS, field.key);
  if (set) {
    const value = readSet(field, report);
    if (value) parts[SETS[set]] = value;
    return value !== undefined;
  }
  switch (field.key) {
    case 'max_cost_tier': {
      const tier = readName(field.value);
      if (tier === undefined) return wrong(field, field.value, 'must be text that is not empty', report);
      parts.maxCostTier = tier;
      return true;
    }
    case 'on_empty': {
      const word = readName(field.value);
      const choice = word === undefined ? undefined : memberOf(['deny', 'fallback'], word);
      if (!choice)
        return wrong(field, field.value, `is \`deny\` or \`fallback\`, not ${describe(field.value)}`, report);
      parts.onEmpty = choice;
      return true;
    }
    case 'custom': {
      const custom = readCustom(field, report);
      if (custom) parts.custom = custom;
      return custom !== undefined;
    }
    default: {
      const help = didYouMean(field.key, FIELDS) ?? `the fields are ${FIELDS.join(', ')}`;
      report.add('language/unknown-key', field.keySpan, `\`restrict\` has no field ${quote(field.key)}`, { help });
      return false;
    }
  }
}

/** A list of texts is what is meant; one text is the path of a set. */
function readSet(field: MapEntry, report: Report): RestrictedSet | undefined {
  const node = field.value;
  if (node.kind === 'sequence') {
    if (node.items.length === 0) {
      report.add('language/empty-list', node.span, `the list of \`${field.key}\` is empty`);
      return undefined;
    }
    const values: string[] = [];
    for (const item of node.items) {
      const value = readName(item);
      if (value === undefined)
        wrong(field, item, `holds ${describe(item)}, but its members are texts that are not empty`, report);
      else values.push(value);
    }
    return values.length < node.items.length ? undefined : { kind: 'values', values };
  }
  if (node.kind !== 'scalar' || readName(node) === undefined) {
    wrong(field, node, 'must be a list of texts or the path of a set', report);
    return undefined;
  }
  const path = parsePath(node.text, report);
  return path && { kind: 'reference', path, text: node.text };
}

function readCustom(field: MapEntry, report: Report): Readonly<Record<string, string>> | undefined {
  const node = field.value;
  if (node.kind !== 'map' || node.entries.length === 0) {
    wrong(field, node, 'must be a map of label names to values', report);
    return undefined;
  }
  const pairs: [string, string][] = [];
  for (const entry of node.entries) {
    if (entry.key.trim() === '') {
      report.add('language/wrong-type', entry.keySpan, 'a label name of `custom` is empty');
    } else if (entry.value.kind !== 'scalar' || entry.value.value === null) {
      wrong(field, entry.value, 'has a value that is neither text, number nor boolean', report);
    } else {
      pairs.push([entry.key, entry.value.text.value]);
    }
  }
  return pairs.length < node.entries.length ? undefined : Object.fromEntries(pairs);
}

/** The trimmed text of a string scalar that is not blank. */
function readName(node: DocumentNode): string | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return undefined;
  return node.value.trim() || undefined;
}

function describe(node: DocumentNode): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'sequence') return 'a list';
  return node.text.value.trim() === '' ? 'empty text' : quote(node.text.value);
}

function wrong(field: MapEntry, node: DocumentNode, message: string, report: Report): false {
  report.add('language/wrong-type', node.span, `\`${field.key}\` ${message}`);
  return false;
}
