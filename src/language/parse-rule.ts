import { didYouMean } from '../diagnostics/nearest.ts';
import type { Report } from '../diagnostics/report.ts';
import { type DocumentNode, entryOf, type MapEntry, type MapNode } from '../text/document.ts';
import type { ArgumentMap, ArgumentValue, Range, Step } from './ast.ts';
import type { Text } from '../text/text.ts';
import { argumentMap, argumentOfNode } from './parse-arguments.ts';
import { ON_ERROR_HELP, onErrorOf, type Place } from './parse-effect.ts';
import { parsePredicate } from './parse-predicate.ts';
import { parseRestriction } from './parse-restrict.ts';
import { parseRuleText } from './parse-rule-text.ts';
import { quote } from './text-report.ts';
import { DIALECTS, EFFECT_WORDS, MAP_STEPS } from './vocabulary.ts';

/** Lists of steps may nest this deep. */
export const MAX_STEP_DEPTH = 32;

const OUTERMOST: Place = { parallel: false, depth: 0, effects: false };

/** One entry of a rule list, in any of its forms. Undefined when anything in it was reported as an error. */
export function parseRule(node: DocumentNode, report: Report): Step | undefined {
  return readStep(node, report, OUTERMOST);
}

/**
 * A whole rule list, such as `pre_invocation`; `listName` is the key it stands under, and `parse` reads one entry, as
 * `parseRule` does. Every entry is read; undefined when one of them was reported as an error.
 */
export function parseRules<Rule>(
  node: DocumentNode,
  report: Report,
  { listName, parse }: { readonly listName: string; readonly parse: (node: DocumentNode) => Rule | undefined },
): readonly Rule[] | undefined {
  return readEntries(node, report, listName, 'may be empty', parse);
}

function readList(
  node: DocumentNode,
  report: Report,
  place: Place,
  listName: string,
  emptiness: Emptiness,
): readonly Step[] | undefined {
  return readEntries(node, report, listName, emptiness, (item) => readStep(item, report, place));
}

type Emptiness = 'may be empty' | 'never empty';

function readEntries<Rule>(
  node: DocumentNode,
  report: Report,
  listName: string,
  emptiness: Emptiness,
  read: (node: DocumentNode) => Rule | undefined,
): readonly Rule[] | undefined {
  if (node.kind !== 'sequence') {
    const help = node.kind === 'scalar' && typeof node.value === 'string' ? 'write each rule behind a `- `' : undefined;
    report.add('language/wrong-type', node.span, `\`${listName}\` must be a list of rules, not ${describe(node)}`, {
      help,
    });
    return undefined;
  }
  if (emptiness === 'never empty' && node.items.length === 0) {
    report.add('language/empty-list', node.span, `the list of \`${listName}\` is empty`);
    return undefined;
  }
  const rules = node.items.map((item) => read(item));
  const present = rules.filter((rule) => rule !== undefined);
  return present.length < rules.length ? undefined : present;
}

function readStep(node: DocumentNode, report: Report, place: Place): Step | undefined {
  switch (node.kind) {
    case 'scalar':
      if (typeof node.value === 'string') return parseRuleText(node.text, report, place);
      break;
    case 'map':
      return readMap(node, report, place);
    case 'sequence':
  }
  report.add('language/wrong-type', node.span, `a rule is text or a map, not ${describe(node)}`);
  return undefined;
}

/** The place of the steps inside `place`; undefined, with a finding, when they would nest too deep. */
function inner(place: Place, node: DocumentNode, report: Report, effects: boolean): Place | undefined {
  if (place.depth < MAX_STEP_DEPTH) return { ...place, depth: place.depth + 1, effects };
  report.add('language/limit', node.span, `rules nest deeper than ${MAX_STEP_DEPTH}`);
  return undefined;
}

function readMap(node: MapNode, report: Report, place: Place): Step | undefined {
  if (entryOf(node, 'when') || entryOf(node, 'do')) return readWhen(node, report, place);
  const entries = node.entries.filter((entry) => !REACTIONS.has(entry.key));
  const reactions = node.entries.filter((entry) => REACTIONS.has(entry.key));
  const [entry, second] = entries;
  if (!entry) {
    const message = reactions.length === 0 ? 'the rule is an empty map' : 'the reactions belong to no decision point';
    report.add('language/wrong-type', reactions[0]?.keySpan ?? node.span, message);
    return undefined;
  }
  if (second) {
    const keys = entries.map((each) => quote(each.key)).join(', ');
    const help = 'write one rule for each key; only `when`, `do` and `id` go together';
    report.add('language/several-keys', second.keySpan, `a rule map has one key, but here are ${keys}`, { help });
    return undefined;
  }
  const isDecision = isDialect(entry);
  const stray = isDecision ? undefined : reactions[0];
  if (stray) {
    const message = `\`${stray.key}\` belongs beside a decision point, not beside ${quote(entry.key)}`;
    report.add('language/unknown-key', stray.keySpan, message);
    return undefined;
  }
  switch (entry.key) {
    case 'delegate':
      return readDelegate(entry, report, place);
    case 'restrict': {
      const restriction = parseRestriction(entry, report);
      return restriction && { kind: 'restrict', restriction, ...keyOf(entry) };
    }
    case 'sequential':
    case 'parallel': {
      const kind = entry.key;
      const within = inner(place, entry.value, report, true);
      const parallel = place.parallel || kind === 'parallel';
      const steps = within && readList(entry.value, report, { ...within, parallel }, kind, 'never empty');
      return steps && { kind, steps, ...keyOf(entry) };
    }
    default:
      return isDecision ? readDecision(entry, reactions, report, place) : readTerse(entry, report, place);
  }
}

/** The key a map form was written under. */
function keyOf(entry: MapEntry): { readonly text: Text; readonly range: Range } {
  return { text: entry.keyText, range: { start: 0, end: entry.keyText.value.length } };
}

const REACTIONS: ReadonlySet<string> = new Set(['on_allow', 'on_deny']);
const WHEN_KEYS: readonly string[] = ['when', 'do', 'id'];

/** `{when: predicate, do: effect or list, id?: name}` */
function readWhen(node: MapNode, report: Report, place: Place): Step | undefined {
  let failed = false;
  for (const entry of node.entries) {
    if (WHEN_KEYS.includes(entry.key)) continue;
    const help = didYouMean(entry.key, WHEN_KEYS) ?? 'the keys are `when`, `do` and `id`';
    report.add('language/unknown-key', entry.keySpan, `a \`when\` rule has no key ${quote(entry.key)}`, { help });
    failed = true;
  }
  const when = entryOf(node, 'when');
  const effects = entryOf(node, 'do');
  const name = entryOf(node, 'id');
  if (!when && effects) {
    const help = 'say when it applies, or write the effects as rules of their own';
    report.add('language/missing-key', effects.keySpan, '`do` stands without `when`', { help });
  }
  if (!effects && when) {
    report.add('language/missing-key', when.keySpan, '`when` stands without `do`', {
      help: 'say what to do, as in `do: deny`',
    });
  }
  const predicateText = when && textOf(when, report, 'a predicate');
  const predicate = predicateText && parsePredicate(predicateText, report);
  const steps = effects && readDo(effects, report, place);
  const id = name && textOf(name, report, 'text')?.value.trim();
  if (id === '') report.add('language/wrong-type', name?.value.span ?? node.span, '`id` is empty');
  if (failed || !when || !predicate || !steps || (name && !id)) return undefined;
  return { kind: 'when', predicate, predicateText, steps, ...(id ? { id } : {}), ...keyOf(when) };
}

function textOf(entry: MapEntry, report: Report, what: string): Text | undefined {
  const node = entry.value;
  if (node.kind === 'scalar' && typeof node.value === 'string') return node.text;
  const help = node.kind === 'scalar' && node.value !== null ? 'put it in quotes' : undefined;
  report.add('language/wrong-type', node.span, `\`${entry.key}\` must be ${what}, not ${describe(node)}`, { help });
  return undefined;
}

/** The value of `do`: one step or a list of them. */
function readDo(entry: MapEntry, report: Report, place: Place): readonly Step[] | undefined {
  const node = entry.value;
  const within = inner(place, node, report, true);
  if (!within) return undefined;
  if (node.kind === 'sequence') return readList(node, report, within, 'do', 'never empty');
  if (node.kind === 'scalar' && typeof node.value !== 'string') {
    report.add(
      'language/wrong-type',
      node.span,
      `\`do\` must be an effect or a list of effects, not ${describe(node)}`,
    );
    return undefined;
  }
  const step = readStep(node, report, within);
  return step && [step];
}

/** `{"predicate": [effects]}` */
function readTerse(entry: MapEntry, report: Report, place: Place): Step | undefined {
  const { value } = entry;
  if (EFFECT_WORDS.includes(entry.key) || entry.key === 'require') {
    const message = `\`${entry.key}\` is not written as a map`;
    const help = `write \`${entry.key}(...)\` as text, in quotes when it holds \`: \``;
    report.add('language/wrong-type', entry.keySpan, message, { help });
    return undefined;
  }
  if (value.kind !== 'sequence') {
    const written = value.kind === 'scalar' ? value.text.value : '';
    const help =
      value.kind === 'map'
        ? 'write the effects as a list'
        : `put the whole rule in quotes, ${quote(`"${entry.key}: ${written}"`)}, or write the effects as a list`;
    const message = `the effects of ${quote(entry.key)} must be a list, not ${describe(value)}`;
    report.add('language/wrong-type', value.span, message, { help });
    return undefined;
  }
  const within = inner(place, value, report, true);
  const predicate = parsePredicate(entry.keyText, report);
  const steps = within && readList(value, report, within, entry.key, 'never empty');
  return predicate && steps && { kind: 'when', predicate, predicateText: entry.keyText, steps, ...keyOf(entry) };
}

const DELEGATE_KEYS: readonly string[] = ['plugin', 'config', 'on_error'];

/** `{delegate: {plugin, config?, on_error?, …}}`; every other key is per-call configuration, like those of `config`. */
function readDelegate(entry: MapEntry, report: Report, place: Place): Step | undefined {
  const body = entry.value;
  if (place.parallel) {
    const help = 'put it before or after the `parallel` block';
    report.add('language/mutation-in-parallel', entry.keySpan, '`delegate` cannot stand inside `parallel`', { help });
  }
  if (body.kind !== 'map') {
    const message = `\`delegate\` must be a map with the key \`plugin\`, not ${describe(body)}`;
    report.add('language/wrong-type', body.span, message, { help: 'write `delegate: {plugin: name}`' });
    return undefined;
  }
  const named = entryOf(body, 'plugin');
  if (!named) report.add('language/missing-key', entry.keySpan, '`delegate` names no `plugin`');
  const plugin = named && textOf(named, report, 'the name of a plugin')?.value.trim();
  if (named && plugin === '') report.add('language/wrong-type', named.value.span, '`plugin` of `delegate` is empty');
  const chosen = entryOf(body, 'on_error');
  const word = chosen && textOf(chosen, report, '`deny` or `continue`');
  const onError = chosen ? word && onErrorOf(word.value) : 'deny';
  if (word && !onError) {
    report.add('language/bad-argument', word.span(0, word.value.length), `\`on_error\` is ${quote(word.value)}`, {
      help: ON_ERROR_HELP,
    });
  }
  const config = readDelegateConfig(body, report);
  if (place.parallel || !plugin || !onError || !config) return undefined;
  return { kind: 'delegate', plugin, onError, config, ...keyOf(entry) };
}

function readDelegateConfig(body: MapNode, report: Report): ArgumentMap | undefined {
  const nested = entryOf(body, 'config');
  const entries = body.entries.filter((entry) => !DELEGATE_KEYS.includes(entry.key));
  if (nested?.value.kind === 'map') {
    const misplaced = nested.value.entries.find((entry) => DELEGATE_KEYS.includes(entry.key));
    if (misplaced) {
      report.add(
        'language/unknown-key',
        misplaced.keySpan,
        `\`${misplaced.key}\` belongs beside \`config\`, not into it`,
      );
      return undefined;
    }
    entries.push(...nested.value.entries);
  } else if (nested) {
    report.add(
      'language/wrong-type',
      nested.value.span,
      `\`config\` of \`delegate\` must be a map, not ${describe(nested.value)}`,
    );
    return undefined;
  }
  return argumentsOf(entries, report);
}

function argumentsOf(entries: readonly MapEntry[], report: Report): ArgumentMap | undefined {
  const values = new Map<string, ArgumentValue>();
  let failed = false;
  for (const entry of entries) {
    const value = argumentOfNode(entry.value, report);
    if (values.has(entry.key)) {
      report.add('language/duplicate-key', entry.keySpan, `${quote(entry.key)} is already given`);
      failed = true;
    } else if (value === undefined) failed = true;
    else values.set(entry.key, value);
  }
  return failed ? undefined : argumentMap(values);
}

const DIALECT_KEY = /^([A-Za-z_][\w.-]*)\s*(?:\(([\s\S]*)\))?$/;

/** A key with a map behind it that could be a dialect; whether the dialect exists is known only where it is registered. */
function isDialect(entry: MapEntry): boolean {
  const found = DIALECT_KEY.exec(entry.key.trim());
  const name = found?.[1];
  if (name === undefined || MAP_STEPS.includes(name) || EFFECT_WORDS.includes(name) || name === 'require') return false;
  if (DIALECTS.includes(name)) return true;
  if (entry.value.kind !== 'map' || name === 'exists') return false;
  // A map that holds a step is the body of a conditional whose author forgot the list.
  const { entries } = entry.value;
  return (
    entries.length === 0 ||
    !entries.every(({ key }) => MAP_STEPS.includes(key) || key === 'delegate' || key === 'when' || key === 'do')
  );
}

/** `{dialect: {…, on_allow?, on_deny?}, on_allow?, on_deny?}`; the dialect may carry an argument, as in `opa("path")`. */
function readDecision(entry: MapEntry, beside: readonly MapEntry[], report: Report, place: Place): Step | undefined {
  const found = DIALECT_KEY.exec(entry.key.trim());
  const dialect = found?.[1] ?? entry.key;
  const body = entry.value;
  if (body.kind !== 'map') {
    report.add('language/wrong-type', body.span, `the body of \`${dialect}\` must be a map, not ${describe(body)}`);
    return undefined;
  }
  const argument = found?.[2]?.trim().replace(/^(['"])(.*)\1$/s, '$2');
  if (argument === '') {
    report.add('language/missing-argument', entry.keySpan, `the parentheses of \`${dialect}(...)\` are empty`);
  }
  const bodyReactions = body.entries.filter((each) => REACTIONS.has(each.key));
  const values = argumentsOf(
    body.entries.filter((each) => !REACTIONS.has(each.key)),
    report,
  );
  const reactions = { on_allow: [] as readonly Step[] | undefined, on_deny: [] as readonly Step[] | undefined };
  const seen = new Set<string>();
  let failed = argument === '';
  for (const each of [...bodyReactions, ...beside]) {
    const key = each.key === 'on_allow' ? 'on_allow' : 'on_deny';
    if (seen.has(key)) {
      const message = `\`${key}\` stands both in the body of \`${dialect}\` and beside it`;
      report.add('language/duplicate-key', each.keySpan, message);
      failed = true;
      continue;
    }
    seen.add(key);
    const within = inner(place, each.value, report, false);
    reactions[key] = within && readList(each.value, report, within, key, 'may be empty');
  }
  const { on_allow: onAllow, on_deny: onDeny } = reactions;
  if (failed || !values || !onAllow || !onDeny) return undefined;
  return {
    kind: 'decide',
    dialect,
    ...(argument === undefined ? {} : { argument }),
    body: values,
    bodyNode: body,
    onAllow,
    onDeny,
    ...keyOf(entry),
  };
}

function describe(node: DocumentNode): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'sequence') return 'a list';
  if (node.value === null) return 'null';
  return typeof node.value === 'string'
    ? 'text'
    : `the ${typeof node.value === 'boolean' ? 'boolean' : 'number'} ${quote(node.text.value)}`;
}
