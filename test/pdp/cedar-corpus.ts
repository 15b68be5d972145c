import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import { parseJson } from '../../src/text/json.ts';
import { createEngine, loadBundle, type Engine, type JsonObject } from '../../src/index.ts';

/**
 * Decides every request of a corpus of cedar-integration-tests through a `cedar` step and compares with the expected
 * decision. Where they differ, the library is asked directly, to show whether it is the reason.
 * Usage: `npm run test:cedar -- PATH`, a `.tar.gz` or a folder.
 */

interface CorpusRequest {
  readonly description: string;
  readonly principal: Cedar.TypeAndId;
  readonly action: Cedar.TypeAndId;
  readonly resource: Cedar.TypeAndId;
  readonly context: Cedar.Context;
  readonly validateRequest: boolean;
  readonly decision: 'allow' | 'deny';
  readonly reason: readonly string[];
  readonly errors: readonly string[];
}

interface CorpusTest {
  readonly policies: string;
  readonly entities: string;
  readonly schema: string;
  readonly shouldValidate: boolean;
  readonly requests: readonly CorpusRequest[];
}

const library = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as typeof Cedar;

async function unpacked(path: string): Promise<{ readonly folder: string; readonly temporary: boolean }> {
  if ((await stat(path)).isDirectory()) return { folder: path, temporary: false };
  const folder = await mkdtemp(join(tmpdir(), 'cedar-corpus-'));
  const tar = spawn('tar', ['xzf', path, '-C', folder], { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve) => void tar.on('exit', resolve));
  if (code !== 0) throw new Error(`\`${path}\` cannot be unpacked`);
  return { folder, temporary: true };
}

/** Every file below a folder, by base name. */
async function filesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries.filter((entry) => entry.isFile()).map((entry) => [entry.name, join(entry.parentPath, entry.name)]),
  );
}

/** The `data` of a bundle: what every request asks, for YAML cannot write all of it. */
function dataOf(test: CorpusTest): JsonObject {
  return Object.fromEntries(
    test.requests.map(({ principal, action, resource, context }, i) => {
      const id = action.id.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
      const asked = { principal: principal.id, action: `${action.type}::"${id}"`, resource: resource.id, context };
      return [`r${i}`, asked as unknown as JsonObject];
    }),
  );
}

/** A bundle with one tool for each request. */
function bundleOf(
  test: CorpusTest,
  files: { readonly policies: string; readonly schema: string; readonly entities: string },
): string {
  return JSON.stringify({
    global: {
      pdp: [
        {
          kind: 'cedar-direct',
          policy_file: files.policies,
          schema_file: files.schema,
          entities_file: files.entities,
          validate_policies: test.shouldValidate,
        },
      ],
    },
    routes: test.requests.map(({ principal, resource, context }, i) => {
      const cedar = {
        principal: { type: principal.type, id: `\${data.r${i}.principal}` },
        action: `\${data.r${i}.action}`,
        resource: { type: resource.type, id: `\${data.r${i}.resource}` },
        ...(Object.keys(context).length === 0 ? {} : { context: `\${data.r${i}.context}` }),
      };
      return { tool: `request-${i}`, pre_invocation: [{ cedar }] };
    }),
  });
}

async function engineFor(bundle: string, data: JsonObject): Promise<Engine | string> {
  const loaded = await loadBundle({ name: 'bundle.json', text: bundle }, { data });
  if (!loaded.ok) return loaded.diagnostics.map(({ message }) => message).join('; ');
  return createEngine(loaded.bundle);
}

async function direct(test: CorpusTest, request: CorpusRequest, files: ReadonlyMap<string, string>): Promise<string> {
  const read = async (name: string): Promise<string> => readFile(files.get(basename(name)) ?? name, 'utf8');
  try {
    const answer = library.isAuthorized({
      principal: request.principal,
      action: request.action,
      resource: request.resource,
      context: request.context,
      schema: await read(test.schema),
      validateRequest: request.validateRequest,
      policies: { staticPolicies: await read(test.policies) },
      entities: parseJson(await read(test.entities)) as Cedar.Entities,
    });
    return answer.type === 'success' ? answer.response.decision : `failure: ${answer.errors[0]?.message ?? ''}`;
  } catch (error) {
    return `throws: ${error instanceof Error ? error.message : 'something'}`;
  }
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: cedar-corpus.ts PATH');
const { folder, temporary } = await unpacked(path);
const counts = { tests: 0, requests: 0, asExpected: 0, reasonAsExpected: 0, libraryDiffers: 0, weDiffer: 0 };
try {
  const files = await filesIn(folder);
  const names = [...files.keys()].filter((name) => /^[^.]+\.json$/.test(name)).toSorted();
  for (const name of names) {
    const test = parseJson(await readFile(files.get(name) ?? '', 'utf8')) as CorpusTest;
    const fileOf = (named: string): string => files.get(basename(named)) ?? named;
    const schema = fileOf(test.schema);
    const bundle = bundleOf(test, { policies: fileOf(test.policies), schema, entities: fileOf(test.entities) });
    const engine = await engineFor(bundle, dataOf(test));
    counts.tests += 1;
    for (const [i, request] of test.requests.entries()) {
      counts.requests += 1;
      const decision =
        typeof engine === 'string'
          ? undefined
          : await engine.pre({
              entity: { type: 'tool', name: `request-${i}` },
              extensions: { subject: { id: 'corpus' } },
            });
      const reasons = (decision?.consultations?.[0]?.diagnostics ?? [])
        .flatMap((line) => /^policy `(.*)` (?:permits|forbids)$/.exec(line)?.[1] ?? [])
        .toSorted();
      if (decision?.decision === request.decision) {
        counts.asExpected += 1;
        const same = JSON.stringify(reasons) === JSON.stringify([...request.reason].toSorted());
        if (same) counts.reasonAsExpected += 1;
        continue;
      }
      const alone = await direct(test, request, files);
      const ours = typeof engine === 'string' ? engine : JSON.stringify(decision?.violation);
      if (alone === request.decision) counts.weDiffer += 1;
      else counts.libraryDiffers += 1;
      process.stdout.write(
        `${name} ${request.description}: wanted ${request.decision}, ours ${ours}, library ${alone}\n`,
      );
    }
    if (typeof engine !== 'string') await engine.close();
  }
} finally {
  if (temporary) await rm(folder, { recursive: true });
}
process.stdout.write(
  `${counts.tests} tests, ${counts.requests} requests: ${counts.asExpected} decided as expected ` +
    `(${counts.reasonAsExpected} by the expected policies), ${counts.libraryDiffers} differ as the library does, ` +
    `${counts.weDiffer} differ from the library\n`,
);
process.exitCode = counts.weDiffer === 0 ? 0 : 1;
