import { readFileSync } from 'node:fs';
import type { Code } from '../diagnostics/catalog.ts';
import type { Advice } from '../diagnostics/diagnostic.ts';
import type { Report } from '../diagnostics/report.ts';
import type { DocumentNode, MapEntry, MapNode } from '../text/document.ts';
import type { Span } from '../text/source.ts';
import { schemaErrors, type JsonSchema } from './compiled-schema.ts';
import { reportIneffective } from './ineffective-keys.ts';
import type { RawResponse } from './raw-bundle.ts';
import { schemaFindings, type SchemaFinding } from './schema-finding.ts';

interface SchemaFile extends JsonSchema {
  readonly $defs: Readonly<Record<string, JsonSchema>>;
}

/** `schemas/bundle.schema.json`, which editors use. */
export const schemaFile: SchemaFile = JSON.parse(
  readFileSync(new URL('../../schemas/bundle.schema.json', import.meta.url), 'utf8'),
);

/**
 * JSON Schema of a bundle: the one that editors use, but for what it says of kinds of plugins, decision points and stores.
 * Those are checked by the schema of the kind, which a host may replace.
 */
export const bundleSchema: SchemaFile = withoutKinds(schemaFile);

function withoutKinds({ $defs, ...root }: SchemaFile): SchemaFile {
  const names = Object.keys($defs);
  const definitions: Record<string, JsonSchema> = {};
  for (const [name, definition] of Object.entries($defs)) {
    if (name.includes('.')) continue;
    const { allOf, ...block } = definition;
    const hasKinds = allOf !== undefined && names.some((other) => other.startsWith(`${name}.`));
    definitions[name] = hasKinds ? block : definition;
  }
  return { ...root, $defs: definitions };
}

/** Where `validateWith` puts its findings: `code` for everything but unknown keys, `subject` names the root. */
export interface Validation {
  readonly code: Code;
  /** What messages call the node itself, such as "session store `valkey`". */
  readonly subject: string;
}

/**
 * Checks `node` under `schema` and reports each finding at its place; true when there is none. The schema is compiled
 * once and kept as long as the object lives; values of properties that it marks `writeOnly` are never shown. Integers
 * outside ±(2^53−1) are findings. For an absent block give a map without entries whose span is where it is missed. Throws when `schema` itself is not a valid JSON Schema 2020-12.
 */
export function validateWith(schema: JsonSchema, node: DocumentNode, report: Report, validation: Validation): boolean {
  const place = locator(node);
  const findings = schemaFindings(schema, plainValue(node), validation.subject);
  for (const finding of findings) {
    const code = finding.problem === 'unknown-key' ? 'config/unknown-key' : validation.code;
    report.add(code, place(finding), finding.message, { help: finding.help });
  }
  const inexact = inexactIntegers(node);
  for (const span of inexact) report.add(validation.code, span, 'the number is too large to be held exactly');
  return findings.length === 0 && inexact.length === 0;
}

/**
 * Checks a bundle's document against the bundle schema and reports each finding at its place. False when one of them is
 * an error; then nothing of the bundle may be used. A malformed `response` is only warned of, and must be left out.
 */
export function validateBundle(root: DocumentNode, report: Report): boolean {
  const place = locator(root);
  let valid = true;
  const malformedResponses = new Set<string>();
  for (const finding of bundleFindings(root)) {
    const span = place(finding);
    const response = finding.problem === 'unknown-key' ? undefined : responsePlace(finding.path);
    if (response === undefined) {
      valid = false;
      const { code, message, help } = bundleDiagnostic(finding);
      report.add(code, span, message, { help });
    } else if (!malformedResponses.has(response)) {
      malformedResponses.add(response);
      const help = 'a denied operation gets the usual answer';
      report.add('config/malformed-response', span, `\`response\` is left out: ${finding.message}`, { help });
    }
  }
  reportIneffective(root, report);
  return valid;
}

// The checker's time grows with the square of the errors it meets in one go, so what may be long goes in portions.
const LONG_SECTIONS = ['plugins', 'groups', 'routes'];
const PORTION = 250;
const MAX_FINDINGS = 1000;

function bundleFindings(root: DocumentNode): readonly SchemaFinding[] {
  const subject = 'the bundle';
  if (root.kind !== 'map') return schemaFindings(bundleSchema, plainValue(root), subject);
  const isLong = ({ key }: MapEntry): boolean => LONG_SECTIONS.includes(key);
  const short = root.entries.filter((entry) => !isLong(entry));
  const findings = [...schemaFindings(bundleSchema, plainMap(short), subject)];
  for (const { key, value } of root.entries.filter(isLong)) {
    for (const { portion, offset } of portionsOf(value)) {
      if (findings.length >= MAX_FINDINGS) return findings;
      for (const finding of schemaFindings(bundleSchema, { [key]: portion }, subject)) {
        findings.push(offset === 0 ? finding : { ...finding, path: shifted(finding.path, offset) });
      }
    }
  }
  return findings;
}

/** The value of a list or map in parts; `offset` is the index that the first entry of a part has in the whole list. */
function* portionsOf(section: DocumentNode): Generator<{ readonly portion: unknown; readonly offset: number }> {
  if (section.kind === 'sequence' && section.items.length > PORTION) {
    for (let at = 0; at < section.items.length; at += PORTION) {
      yield { portion: section.items.slice(at, at + PORTION).map(plainValue), offset: at };
    }
  } else if (section.kind === 'map') {
    for (let at = 0; at < section.entries.length; at += PORTION) {
      yield { portion: plainMap(section.entries.slice(at, at + PORTION)), offset: 0 };
    }
  } else {
    yield { portion: plainValue(section), offset: 0 };
  }
}

function shifted([section = '', index, ...rest]: readonly string[], offset: number): readonly string[] {
  return index === undefined ? [section] : [section, String(Number(index) + offset), ...rest];
}

const responseSchema: JsonSchema = { $defs: bundleSchema['$defs'], $ref: '#/$defs/response' };

/** A `response` as written; undefined when it is malformed, which `validateBundle` has warned of. */
export function responseOf(node: DocumentNode): RawResponse | undefined {
  const value = plainValue(node);
  return isResponse(value) ? value : undefined;
}

function isResponse(value: unknown): value is RawResponse {
  return schemaErrors(responseSchema, value).length === 0;
}

const RENAMED: ReadonlyMap<string, string> = new Map([
  ['policy', 'authorization.pre_invocation'],
  ['post_policy', 'authorization.post_invocation'],
  ['identity', 'authentication'],
]);

const PHASES = ['pre_invocation', 'post_invocation'];
const GLOBAL_KEYS: ReadonlySet<string> = new Set([
  'authentication',
  'pdp',
  'session_store',
  'transport_sessions',
  'attribute_files',
  'defaults',
  'policies',
  'unmatched',
  'sessions',
  'hash_key',
]);

function bundleDiagnostic(finding: SchemaFinding): Advice & { readonly code: Code; readonly message: string } {
  const { problem, key, keys = [], path, message, help } = finding;
  if (problem === 'unknown-key') {
    const renamed = key !== undefined && keys.some((known) => PHASES.includes(known)) ? RENAMED.get(key) : undefined;
    if (renamed === undefined) return { code: 'config/unknown-key', message, help: betterPlace(key, path) ?? help };
    const beside = key === 'identity' && path.at(-1) === 'apl' ? ' beside `apl`' : '';
    return {
      code: 'config/renamed-key',
      message: `\`${key}\` was renamed to \`${renamed}\``,
      help: `write \`${renamed}\`${beside}`,
    };
  }
  if (path.length === 2 && path[0] === 'routes' && (problem === 'wrong-key' || keys[0] === 'tool')) {
    return { code: 'config/route-entity', message: message.replace('an entry of `routes`', 'a route'), help };
  }
  if (path.at(-1) === 'plugins' && message.endsWith('not a list')) {
    const activation = 'a list activates plugins and stands in a group or on a route, outside of `apl`';
    return { code: 'config/wrong-value', message, help: activation };
  }
  return { code: problem === 'missing-key' ? 'config/missing-key' : 'config/wrong-value', message, help };
}

/** Where a key belongs that is known, but not in the map at `path`. */
function betterPlace(key: string | undefined, path: readonly string[]): string | undefined {
  if (key === undefined) return undefined;
  if (key === 'authentication' && path.at(-1) === 'apl') return `write \`${key}\` beside \`apl\``;
  return path[0] !== 'global' && GLOBAL_KEYS.has(key) ? `\`${key}\` belongs under \`global\`` : undefined;
}

/** The `response` that the value at `path` is or belongs to. */
function responsePlace(path: readonly string[]): string | undefined {
  const [first, second, third] = path;
  const sectionLength = first === 'global' ? (second === 'defaults' || second === 'policies' ? 3 : 1) : 2;
  const at = path[sectionLength] === 'apl' ? sectionLength + 1 : sectionLength;
  const isSection = first === 'global' || ((first === 'groups' || first === 'routes') && second !== undefined);
  if (!isSection || path[at] !== 'response' || (sectionLength === 3 && third === undefined)) return undefined;
  return JSON.stringify(path.slice(0, at + 1));
}

/** The node as data that a schema can check: like its value, but with every integer a number. */
function plainValue(node: DocumentNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return typeof node.value === 'bigint' ? Number(node.value) : node.value;
    case 'sequence':
      return node.items.map(plainValue);
    case 'map':
      return plainMap(node.entries);
  }
}

function plainMap(entries: readonly MapEntry[]): unknown {
  const map: Record<string, unknown> = {};
  for (const { key, value } of entries) {
    // A document that was not read from YAML may hold any key.
    if (key === '__proto__') return Object.fromEntries(entries.map((entry) => [entry.key, plainValue(entry.value)]));
    map[key] = plainValue(value);
  }
  return map;
}

function inexactIntegers(node: DocumentNode): readonly Span[] {
  switch (node.kind) {
    case 'scalar':
      return typeof node.value === 'bigint' ? [node.span] : [];
    case 'sequence':
      return node.items.flatMap(inexactIntegers);
    case 'map':
      return node.entries.flatMap((entry) => inexactIntegers(entry.value));
  }
}

/** Finds the text that a finding about `root` is to be shown at. */
function locator(root: DocumentNode): (finding: SchemaFinding) => Span {
  const indexes = new Map<MapNode, ReadonlyMap<string, MapEntry>>();
  const entryOf = (map: MapNode, key: string): MapEntry | undefined => {
    let index = indexes.get(map);
    if (!index) {
      index = new Map(map.entries.map((entry) => [entry.key, entry]));
      indexes.set(map, index);
    }
    return index.get(key);
  };
  return ({ problem, path, key }) => {
    let node = root;
    let holder: MapEntry | undefined;
    for (const segment of path) {
      const entry = node.kind === 'map' ? entryOf(node, segment) : undefined;
      const next = node.kind === 'sequence' ? node.items[Number(segment)] : entry?.value;
      if (!next) break;
      node = next;
      holder = entry;
    }
    const wrongEntry = key !== undefined && node.kind === 'map' ? entryOf(node, key) : undefined;
    if (wrongEntry) return wrongEntry.keySpan;
    if (problem === 'wrong-value' && node.kind === 'scalar' && node.value !== null) return node.span;
    return holder?.keySpan ?? firstLine(node.span);
  };
}

function firstLine(span: Span): Span {
  const text = span.source.text.slice(span.start, span.end);
  return { ...span, end: span.start + (text.split(/\r?\n/, 1)[0]?.length ?? 0) };
}
