import type { Report } from '../diagnostics/report.ts';
import { sessionHandles, type SessionHandles } from '../session/session-handle.ts';
import { SESSION_CLAIM } from '../session/session-identity.ts';
import type { SessionRules, SessionSourceRule } from '../session/session-rules.ts';
import { entryOf, type DocumentNode, type MapEntry, type MapNode } from '../text/document.ts';
import type { SecretScope } from '../text/secret-source.ts';
import { stringOf } from './policy-terms.ts';
import { readSecret } from './secret.ts';

/** Bytes that a key of handles must have: as many as SHA-256 gives. */
const MIN_KEY_BYTES = 32;
const DEFAULT_LIFETIME_SECONDS = 3600;
const DEFAULT_HEADER = 'Indelible-Session';

/** The order without `global.sessions.identity`. Source: session state specification, "Session identity". */
const USUAL_SOURCES: readonly SessionSourceRule[] = [
  { kind: 'host' },
  { kind: 'claim', name: SESSION_CLAIM },
  { kind: 'identity' },
];

/** Whether the client decides that the source has a value, and which of its own. */
const CHOSEN_BY_CLIENT: ReadonlySet<SessionSourceRule['kind']> = new Set(['meta', 'a2a_context', 'trace', 'handle']);

/** Headers that say something else already. */
const TAKEN_HEADERS =
  /^(?:accept|access-control|authorization|cache|connection|content|cookie|date|etag|expect|forwarded|host|if|keep-alive|last-event|last-modified|location|mcp|origin|proxy|range|retry-after|server|set-cookie|te|traceparent|tracestate|baggage|trailer|transfer|upgrade|user-agent|vary|via|www-authenticate|x-forwarded|x-policy|x-request-id)(?:$|-)/i;

/** The rules that `global.sessions` writes down; undefined when they are the usual ones. `node` has passed the schema. */
export function readSessionRules(
  node: DocumentNode | undefined,
  scope: SecretScope,
  report: Report,
): SessionRules | undefined {
  if (node?.kind !== 'map') return undefined;
  const identity = entryOf(node, 'identity');
  const handle = entryOf(node, 'handle');
  const mode = stringOf(entryOf(node, 'mode')?.value) === 'union' ? 'union' : 'first';
  const written = identity && readSources(identity.value);
  const sources = written?.map(({ rule }) => rule) ?? USUAL_SOURCES;
  const handles = handle?.value.kind === 'map' ? readHandles(handle.value, scope, report) : undefined;
  if (written !== undefined) reportSources(written, mode, handle, report);
  if (handle !== undefined && !sources.some(({ kind }) => kind === 'handle')) {
    report.add('config/no-effect', handle.keySpan, '`handle` has no effect: it is no source of `identity`', {
      help: 'add `handle` to `identity`, or leave the block out',
    });
  }
  return written === undefined && mode === 'first' ? undefined : { sources, mode, handles };
}

interface WrittenSource {
  readonly rule: SessionSourceRule;
  readonly node: DocumentNode;
}

function readSources(node: DocumentNode): readonly WrittenSource[] {
  const items = node.kind === 'sequence' ? node.items : [];
  return items.flatMap((item) => {
    const rule = item.kind === 'map' ? namedSource(item) : plainSource(stringOf(item));
    return rule === undefined ? [] : [{ rule, node: item }];
  });
}

function plainSource(word: string | undefined): SessionSourceRule | undefined {
  switch (word) {
    case 'host':
    case 'a2a_context':
    case 'trace':
    case 'identity':
    case 'handle':
      return { kind: word };
    case 'claim':
      return { kind: 'claim', name: SESSION_CLAIM };
    default:
      return undefined;
  }
}

function namedSource(node: MapNode): SessionSourceRule | undefined {
  const claim = stringOf(entryOf(node, 'claim')?.value);
  if (claim !== undefined) return { kind: 'claim', name: claim };
  const meta = stringOf(entryOf(node, 'meta')?.value);
  return meta === undefined ? undefined : { kind: 'meta', key: meta };
}

function reportSources(
  written: readonly WrittenSource[],
  mode: SessionRules['mode'],
  handle: MapEntry | undefined,
  report: Report,
): void {
  const identity = written.findIndex(({ rule }) => rule.kind === 'identity');
  const anchored = mode === 'union' && identity !== -1;
  for (const [index, { rule, node }] of written.entries()) {
    if (rule.kind === 'handle' && handle === undefined) {
      report.add('session/no-handle-key', node.span, 'the source `handle` needs a key to sign handles with', {
        help: 'add `handle: {key_source: {kind: env_var, name: …}}` beside `identity`',
      });
    }
    if (mode === 'first' && identity !== -1 && index > identity) {
      report.add('session/unread-source', node.span, 'this source is never asked: `identity` always has a value', {
        help: 'put `identity` last',
      });
    } else if (CHOSEN_BY_CLIENT.has(rule.kind) && !anchored) {
      report.add('session/client-chosen', node.span, `the client chooses \`${rule.kind}\`, and sheds its labels so`, {
        help: 'set `mode: union`, with `identity` among the sources',
      });
    }
  }
}

function readHandles(block: MapNode, scope: SecretScope, report: Report): SessionHandles | undefined {
  const accepted = entryOf(block, 'accepted_key_sources')?.value;
  const sources = [
    entryOf(block, 'key_source')?.value,
    ...(accepted?.kind === 'sequence' ? accepted.items : []),
  ].filter((source) => source !== undefined);
  const keys = sources.flatMap((source) => readKey(source, scope, report) ?? []);
  const header = entryOf(block, 'header');
  const name = stringOf(header?.value) ?? DEFAULT_HEADER;
  if (header !== undefined && TAKEN_HEADERS.test(name)) {
    report.add('config/wrong-value', header.value.span, `the header \`${name}\` says something else already`, {
      help: `leave it out for \`${DEFAULT_HEADER}\``,
    });
  }
  if (keys.length === 0 || keys.length < sources.length) return undefined;
  const lifetime = numberOf(entryOf(block, 'ttl_seconds')?.value) ?? DEFAULT_LIFETIME_SECONDS;
  const names = { header: name, meta: stringOf(entryOf(block, 'meta')?.value) };
  return sessionHandles(keys, names, lifetime * 1000);
}

function readKey(source: DocumentNode, scope: SecretScope, report: Report): string | undefined {
  const key = readSecret(source, scope, report);
  if (key === undefined || Buffer.byteLength(key) >= MIN_KEY_BYTES) return key;
  report.add('config/secret', source.span, `the key has fewer than ${MIN_KEY_BYTES} bytes`);
  return undefined;
}

function numberOf(node: DocumentNode | undefined): number | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'number' ? node.value : undefined;
}
