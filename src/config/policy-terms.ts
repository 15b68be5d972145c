import type { Report } from '../diagnostics/report.ts';
import { entryOf, isNull, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import type { Section } from './walk.ts';

/** Keys that act under `global` only, flat or under `apl`: the wiring of the process. */
export const GLOBAL_ONLY_KEYS = ['pdp', 'session_store', 'transport_sessions', 'attribute_files'] as const;
export type GlobalOnlyKey = (typeof GLOBAL_ONLY_KEYS)[number];

const FLAT_TERMS = ['authorization', 'pre_invocation', 'post_invocation', 'args', 'result'];

/** The policy terms of a section, wherever they were written, without the global-only keys. */
export interface PolicyTerms {
  readonly pre: DocumentNode | undefined;
  readonly post: DocumentNode | undefined;
  readonly args: MapNode | undefined;
  readonly result: MapNode | undefined;
  /** `plugins` as a map: overrides of plugins that rules call. */
  readonly overrides: MapNode | undefined;
  readonly response: MapEntry | undefined;
}

/** A section split into its policy and its global-only keys. */
export interface SplitSection {
  readonly terms: PolicyTerms;
  readonly globalOnly: ReadonlyMap<GlobalOnlyKey, MapEntry>;
}

/**
 * Splits a section. Terms stand flat or under `apl`; a term in both, or a phase both nested and flat, is reported.
 * Source: bundle specification, "Shape" and "The walker and its visitors", points 1 to 3.
 */
export function splitSection({ node }: Section, report: Report): SplitSection {
  const apl = entryOf(node, 'apl');
  const wrapped = apl?.value.kind === 'map' ? apl.value : undefined;
  const body = wrapped ?? node;
  if (apl !== undefined && wrapped !== undefined) reportFlatTerms(node, apl, report);

  const authorization = entryOf(body, 'authorization')?.value;
  const nested = authorization?.kind === 'map' ? authorization : undefined;
  const phase = (key: 'pre_invocation' | 'post_invocation'): DocumentNode | undefined => {
    const flatEntry = entryOf(body, key);
    const nestedEntry = nested && entryOf(nested, key);
    if (flatEntry && nestedEntry) {
      report.add('config/phase-twice', flatEntry.keySpan, `\`${key}\` is written twice in this section`, {
        help: 'keep one of the two',
        related: [{ span: nestedEntry.keySpan, note: 'also written here' }],
      });
    }
    return (nestedEntry ?? flatEntry)?.value;
  };

  return {
    terms: {
      pre: phase('pre_invocation'),
      post: phase('post_invocation'),
      args: mapOf(entryOf(body, 'args')),
      result: mapOf(entryOf(body, 'result')),
      overrides: mapOf(entryOf(body, 'plugins')),
      response: one('response', node, wrapped, report),
    },
    globalOnly: globalOnlyKeys(node, wrapped, report),
  };
}

function reportFlatTerms(node: MapNode, apl: MapEntry, report: Report): void {
  for (const entry of node.entries) {
    const isTerm = FLAT_TERMS.includes(entry.key) || (entry.key === 'plugins' && entry.value.kind === 'map');
    if (!isTerm) continue;
    report.add(
      'config/apl-and-flat',
      entry.keySpan,
      `\`${entry.key}\` stands beside \`apl\`, so it would not be read`,
      {
        help: 'move it under `apl`, or drop the `apl` key',
        related: [{ span: apl.keySpan, note: '`apl` is here' }],
      },
    );
  }
}

function globalOnlyKeys(
  node: MapNode,
  wrapped: MapNode | undefined,
  report: Report,
): ReadonlyMap<GlobalOnlyKey, MapEntry> {
  const found = new Map<GlobalOnlyKey, MapEntry>();
  for (const key of GLOBAL_ONLY_KEYS) {
    const entry = one(key, node, wrapped, report);
    if (entry !== undefined) found.set(key, entry);
  }
  return found;
}

/** An entry that may stand flat or under `apl`, but not in both. */
function one(key: string, node: MapNode, wrapped: MapNode | undefined, report: Report): MapEntry | undefined {
  const flat = entryOf(node, key);
  const inner = wrapped && entryOf(wrapped, key);
  if (flat && inner) {
    report.add('config/apl-and-flat', flat.keySpan, `\`${key}\` is written both beside \`apl\` and under it`, {
      help: 'keep one of the two',
      related: [{ span: inner.keySpan, note: 'also written here' }],
    });
  }
  return flat ?? inner;
}

function mapOf(entry: MapEntry | undefined): MapNode | undefined {
  return entry?.value.kind === 'map' ? entry.value : undefined;
}

/** The text of a scalar that is one; undefined for everything else. */
export function stringOf(node: DocumentNode | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

const NO_STRINGS: readonly never[] = [];

/** The texts of a string or of a list of strings, with their nodes; other members are passed over. */
export function stringsOf(
  node: DocumentNode | undefined,
): readonly { readonly text: string; readonly node: DocumentNode }[] {
  if (node === undefined || isNull(node)) return NO_STRINGS;
  const items = node.kind === 'sequence' ? node.items : [node];
  return items.flatMap((item) => {
    const text = stringOf(item);
    return text === undefined ? [] : [{ text, node: item }];
  });
}
