import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { parseJson } from '../../text/json.ts';
import { findJsonFault, memberSpan, spanAt } from '../json/json-scan.ts';
import type { JsonSpan } from '../json/json-scan.ts';
import { replaceMember, replaceSpan } from '../json/json-splice.ts';
import { isJsonObject } from '../json/json-value.ts';

/** What a request brings back to the upstream that asked for input itself: JSON texts, as the client wrote them. */
export interface UpstreamRound {
  readonly requestState?: string;
  readonly inputResponses?: string;
}

/** A `requestState` of this gateway. What is wrong with it can do no more than have the request refused. */
export interface OwnState {
  /** Of the question that the client comes back with. */
  readonly id: string;
  /** Whether its user agreed to open the page of the question. */
  readonly opened: boolean;
  /** What the request held of a round of the upstream's when the gateway came in between. */
  readonly upstream: UpstreamRound;
}

const MEMBERS = ['requestState', 'inputResponses'] as const;
const PREFIX = 'indelible';

/** Tells states of this gateway, on whatever replica, from those of a gateway behind it. */
export function stateTag(scope: string, endpoints: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([scope, ...endpoints]))
    .digest('base64url')
    .slice(0, 16);
}

export function writeState(tag: string, { id, opened, upstream }: OwnState): string {
  const parts = JSON.stringify([id, opened, ...MEMBERS.map((name) => upstream[name] ?? null)]);
  return `${PREFIX}.${tag}.${Buffer.from(parts).toString('base64url')}`;
}

/** Undefined for a state of somebody else; `malformed` for one that is this gateway's and cannot be read. */
export function readState(tag: string, state: string): OwnState | 'malformed' | undefined {
  const start = `${PREFIX}.${tag}.`;
  if (!state.startsWith(start)) return undefined;
  const [id, opened, requestState, inputResponses] = partsOf(state.slice(start.length));
  if (typeof id !== 'string' || typeof opened !== 'boolean') return 'malformed';
  if (!holdsJson(requestState, (value) => typeof value === 'string')) return 'malformed';
  if (!holdsJson(inputResponses, isJsonObject)) return 'malformed';
  return {
    id,
    opened,
    upstream: {
      ...(requestState === null ? {} : { requestState }),
      ...(inputResponses === null ? {} : { inputResponses }),
    },
  };
}

/** What a request brings back, its text being given. */
export function roundOf(text: string): UpstreamRound {
  const params = paramsOf(text);
  if (params === undefined) return {};
  const round: { -readonly [Name in keyof UpstreamRound]: UpstreamRound[Name] } = {};
  for (const name of MEMBERS) {
    const span = memberSpan(text, params.start, name);
    if (span !== undefined) round[name] = text.slice(span.start, span.end);
  }
  return round;
}

/** The request's text as the upstream is to see it: with its own round instead of the gateway's. */
export function withRound(text: string, upstream: UpstreamRound): string {
  let written = text;
  for (const name of MEMBERS) {
    const params = paramsOf(written);
    if (params !== undefined) {
      written = replaceSpan(written, params, replaceMember(written, params, name, upstream[name]));
    }
  }
  return written;
}

function paramsOf(text: string): JsonSpan | undefined {
  return spanAt(text, ['params']);
}

function partsOf(encoded: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

/** The text goes into a request, so that it has to be what every parser reads alike. */
function holdsJson(text: unknown, accepts: (value: unknown) => boolean): text is string | null {
  if (text === null) return true;
  if (typeof text !== 'string') return false;
  try {
    return findJsonFault(text) === undefined && accepts(parseJson(text));
  } catch {
    return false;
  }
}
