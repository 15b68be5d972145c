import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { loadBundle } from '../../src/config/load-bundle.ts';
import { renderJson, type RenderedDiagnostic } from '../../src/diagnostics/render.ts';
import type { Bundle } from '../../src/engine/bundle.ts';
import type { Decision, Taint } from '../../src/engine/decision.ts';
import type { JsonObject, JsonValue, Operation } from '../../src/engine/operation.ts';
import { createEngine, type PolicyEngine } from '../../src/engine/policy-engine.ts';

/** A line of `fixtures/conformance/*.ndjson`; its keys are described where the vectors come from. */
export interface Vector {
  readonly id: string;
  readonly kind: 'eval' | 'check' | 'note';
  readonly level?: 'should';
  readonly why: string;
  readonly bundle: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly requests?: readonly Request[];
  readonly expect?: readonly JsonObject[];
  readonly or_rejected?: boolean;
  readonly ok?: boolean;
  readonly severity?: string;
  readonly mention?: readonly string[];
  readonly mention_not?: readonly string[];
}

type Request = Operation & { readonly phase?: 'pre' | 'post' | 'both'; readonly result?: JsonValue };
type Answer = Readonly<Record<string, unknown>>;

const folder = new URL('../../fixtures/conformance/', import.meta.url);

/** The vectors of every file, by file name. */
export async function readVectors(): Promise<ReadonlyMap<string, readonly Vector[]>> {
  const vectors = new Map<string, readonly Vector[]>();
  for (const file of (await readdir(folder)).toSorted()) {
    const lines = (await readFile(new URL(file, folder), 'utf8')).split('\n').filter((line) => line.trim() !== '');
    vectors.set(
      file,
      lines.map((line) => JSON.parse(line) as Vector),
    );
  }
  return vectors;
}

/** What is wrong with a vector's outcome, one text a mismatch; empty when it conforms. */
export async function mismatchesOf(vector: Vector): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'vector-'));
  try {
    const loaded = await loadBundle(await writeVector(vector, directory));
    const diagnostics = renderJson(loaded.diagnostics);
    if (vector.kind === 'check') return checkMismatches(vector, loaded.ok, diagnostics);
    if (!loaded.ok) return vector.or_rejected === true ? [] : [`rejected: ${JSON.stringify(diagnostics)}`];
    const answers = await answersTo(vector, loaded.bundle);
    return answers.flatMap((answer, i) =>
      Object.entries(vector.expect?.[i] ?? {}).flatMap(([key, wanted]) => {
        const found = key.startsWith('/') ? at(answer, key) : answer[key];
        const place = `request ${i}, ${key}`;
        return matches(found, wanted, answers)
          ? []
          : [`${place}: wanted ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}`];
      }),
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Writes the vector's files into `directory`; the answer is the path of the bundle. */
export async function writeVector({ files, bundle }: Vector, directory: string): Promise<string> {
  for (const [name, content] of Object.entries({ ...files, 'bundle.yaml': bundle })) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  return join(directory, 'bundle.yaml');
}

/** What an engine on `bundle` makes of the vector's requests, one after the other. */
export async function answersTo({ requests = [] }: Vector, bundle: Bundle): Promise<readonly Answer[]> {
  const engine = await createEngine(bundle);
  const answers: Answer[] = [];
  for (const request of requests) answers.push(await answerOf(engine, request));
  await engine.close();
  return answers;
}

async function answerOf(engine: PolicyEngine, request: Request): Promise<Answer> {
  const { phase = request.result === undefined ? 'pre' : 'both', result, ...operation } = request;
  const pre = phase === 'post' ? undefined : await engine.pre(operation);
  const asksPost = phase === 'post' || (phase === 'both' && pre?.decision === 'allow');
  const post = asksPost ? await engine.post(operation, result) : undefined;
  const last = post ?? pre;
  assert.ok(last);
  return {
    id: request.id,
    decision: last.decision,
    phase: last.phase,
    violation: last.violation,
    args: pre?.args ?? request.args,
    result: post?.result ?? result,
    modified: { args: pre?.modified.args ?? false, result: post?.modified.result ?? false },
    taints: joined([pre, post]),
    labels: [...last.labels].toSorted(),
    constraint: last.constraint,
  };
}

function joined(decisions: readonly (Decision | undefined)[]): readonly Taint[] {
  const taints: Taint[] = [];
  for (const taint of decisions.flatMap((decision) => decision?.taints ?? [])) {
    if (!taints.some((known) => isDeepStrictEqual(known, taint))) taints.push(taint);
  }
  return taints;
}

/** The value at a JSON pointer (RFC 6901). */
function at(value: unknown, pointer: string): unknown {
  let current = value;
  for (const raw of pointer.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}

function matches(found: unknown, wanted: JsonValue, answers: readonly Answer[]): boolean {
  const [entry, ...others] = isRecord(wanted) ? Object.entries(wanted) : [];
  if (entry === undefined || others.length > 0 || !entry[0].startsWith('$')) return isDeepStrictEqual(found, wanted);
  const [matcher, argument] = entry;
  const missing = found === undefined || found === null;
  switch (matcher) {
    case '$absent':
      return missing;
    case '$empty':
      return missing || (typeof found === 'object' && Object.keys(found).length === 0);
    case '$includes':
      return typeof found === 'string' && found.toLowerCase().includes(textOf(argument).toLowerCase());
    case '$type':
      return typeof found === argument;
    case '$ne':
      return found !== undefined && !isDeepStrictEqual(found, argument);
    case '$set':
      return (
        Array.isArray(found) &&
        Array.isArray(argument) &&
        isDeepStrictEqual(found.map(canonical).toSorted(), argument.map(canonical).toSorted())
      );
    case '$sameAs':
    case '$differsFrom': {
      const [, index, pointer] = /^(\d+)(\/.*)$/.exec(textOf(argument)) ?? [];
      const same = isDeepStrictEqual(found, at(answers[Number(index)], pointer ?? ''));
      return found !== undefined && same === (matcher === '$sameAs');
    }
    default:
      throw new Error(`unknown matcher ${matcher}`);
  }
}

function textOf(argument: JsonValue): string {
  assert.ok(typeof argument === 'string');
  return argument;
}

/** Text that is the same for equal values, whatever the order of members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    isRecord(member) ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}

function checkMismatches(vector: Vector, ok: boolean, diagnostics: readonly RenderedDiagnostic[]): readonly string[] {
  const wrong: string[] = [];
  if (ok !== vector.ok) wrong.push(`ok: wanted ${String(vector.ok)}, found ${String(ok)}`);
  const pool = diagnostics.filter(({ severity }) => vector.severity === undefined || severity === vector.severity);
  if (vector.severity !== undefined && pool.length === 0) wrong.push(`no diagnostic of severity ${vector.severity}`);
  const mention = vector.mention ?? [];
  const text = ({ message, code, path }: RenderedDiagnostic): string =>
    `${message} ${code} ${path ?? ''}`.toLowerCase();
  const mentions = (each: RenderedDiagnostic): boolean =>
    mention.every((word) => text(each).includes(word.toLowerCase()));
  if (mention.length > 0 && !pool.some(mentions)) {
    wrong.push(`nothing mentions ${JSON.stringify(mention)}: ${JSON.stringify(pool.map(({ message }) => message))}`);
  }
  for (const word of vector.mention_not ?? []) {
    if (JSON.stringify(diagnostics).includes(word)) wrong.push(`gives away ${word}`);
  }
  return wrong;
}

function isRecord(value: unknown): value is Readonly<Record<string, JsonValue>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
