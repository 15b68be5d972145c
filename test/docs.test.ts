import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { catalog } from '../src/diagnostics/catalog.ts';
import { createEngine, loadBundle, renderText, type JsonValue, type LoadResult } from '../src/index.ts';
import { blocksOf, rowsOf, slugsOf, type Block, type Row } from './support/markdown.ts';
import { EXAMPLE_KINDS } from './support/example-kinds.ts';

/*
 * What the documentation shows is run.
 *
 * - A `yaml` block that begins with a key of a bundle is loaded; one that begins with a policy term is loaded as that
 *   of a route. Comments at its head say what is expected: `# rejected: CODE` and `# warns: CODE`; without one, nothing
 *   is to be found. A comment `# name.yaml` makes it a file beside the other examples of the page.
 * - Every `ts` block compiles; a `ts run` block runs among the files of its page, and prints the `text output` block
 *   that follows it, if one does.
 * - Tables with the header cells `Predicate | args | Holds`, `Stage | Value | Becomes` and `Rejected … | Code` are
 *   tried row by row.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

const pages: readonly Page[] = await Promise.all(
  (await markdownFiles(root)).map(async (path) => {
    const text = await readFile(join(root, path), 'utf8');
    return { path, text, blocks: blocksOf(text) };
  }),
);
const manual = pages.filter(({ path }) => path.startsWith('docs/') || path === 'README.md');
const scratch = await mkdtemp(join(tmpdir(), 'indelible-docs-'));
await symlink(join(root, 'node_modules'), join(scratch, 'node_modules'));
after(() => rm(scratch, { recursive: true, force: true }));

for (const page of manual) {
  const folder = folderOf(page);
  await mkdir(folder, { recursive: true });
  for (const block of page.blocks) if (fileNameOf(block)) await writeFile(join(folder, fileNameOf(block)), block.text);
}

/** What a fragment would be warned for lacking, and its page is not about. */
const SURROUNDINGS = 'global: {sessions: {on_missing: deny}, hash_key: {kind: env_var, name: HASH_KEY}}\n';
const BUNDLE_KEY = /^(?:plugin_settings|plugin_dirs|plugins|global|groups|routes|\{\}):?/;
const POLICY_TERM = /^(?:authorization|pre_invocation|post_invocation|args|result|response|when|meta):/;

for (const page of manual) {
  const bundles = page.blocks.filter(({ language, text }) => language === 'yaml' && bundleText(text) !== undefined);
  if (bundles.length === 0) continue;
  void describe(`bundles of ${page.path}`, () => {
    for (const block of bundles) {
      void test(`line ${block.line}`, async () => {
        const result = await load(bundleText(block.text) ?? '', `${page.path}:${block.line}`, folderOf(page));
        const codes = new Set(result.diagnostics.map(({ code }) => code));
        const told = renderText(result.diagnostics, { color: false });
        const rejected = commentsOf(block.text, 'rejected');
        const warned = commentsOf(block.text, 'warns');
        assert.equal(result.ok, rejected.length === 0, told);
        assert.deepEqual([...codes].toSorted(), [...rejected, ...warned].toSorted(), told);
      });
    }
  });
}

void describe('tables of the documentation', () => {
  for (const page of manual) {
    for (const row of rowsOf(page.text)) {
      const trial = trialOf(row);
      if (trial !== undefined) void test(`${page.path}:${row.line} ${row.cells.join(' ')}`, trial);
    }
  }
});

function trialOf({ header, cells }: Row): (() => Promise<void>) | undefined {
  const [first = '', second = '', third = ''] = cells;
  const kind = header.join(' | ');
  if (kind.startsWith('Predicate | args | Holds')) {
    return async () => {
      const decision = await decide(`pre_invocation: [${JSON.stringify(`${first}: deny`)}]`, json(second), undefined);
      assert.equal(decision.decision === 'deny', third === 'yes');
    };
  }
  if (kind.startsWith('Stage | Value | Becomes')) {
    return async () => {
      const decision = await decide(`result: {value: ${JSON.stringify(first)}}`, {}, { value: json(second) });
      const shown = decision.decision === 'deny' ? 'denied' : JSON.stringify(decision.result);
      assert.equal(
        shown,
        third === 'denied' ? third : third === 'removed' ? '{}' : JSON.stringify({ value: json(third) }),
      );
    };
  }
  if (/^Rejected (?:rule|stage) \| Code/.test(kind)) {
    return async () => {
      const where = header[0] === 'Rejected rule' ? 'pre_invocation: [' : 'args: {value: ';
      const written = first.startsWith('{') ? first : JSON.stringify(first);
      const result = await load(onRoute(`${where}${written}${where.endsWith('[') ? ']' : '}'}`), 'row', scratch);
      assert.deepEqual([...new Set(result.diagnostics.map(({ code }) => code))], [second]);
      assert.equal(result.ok, false);
    };
  }
  return undefined;
}

async function decide(terms: string, args: JsonValue, result: JsonValue | undefined) {
  const loaded = await load(onRoute(terms), 'row', scratch);
  if (!loaded.ok) throw new Error(renderText(loaded.diagnostics, { color: false }));
  const engine = await createEngine(loaded.bundle);
  const operation = { entity: { type: 'tool', name: 'example' }, args } as const;
  const before = await engine.pre(operation);
  const decision = result === undefined ? before : await engine.post(operation, result);
  await engine.close();
  return decision;
}

void test('TypeScript of the documentation compiles', async () => {
  const programs = manual.flatMap((page) => programsOf(page));
  await Promise.all(programs.map(({ file, text }) => writeFile(file, text)));
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      typeRoots: [join(root, 'node_modules/@types')],
      rewriteRelativeImportExtensions: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    files: programs.map(({ file }) => file),
    include: [],
  };
  await writeFile(join(scratch, 'package.json'), '{"type": "module"}');
  await writeFile(join(scratch, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', scratch]).catch(
    (error: unknown) => ({
      stdout: error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error),
    }),
  );
  assert.equal(stdout.replaceAll(scratch, ''), '');
});

void describe('programs of the documentation', () => {
  for (const page of manual) {
    for (const { file, line, runs, output, text } of programsOf(page)) {
      if (!runs) continue;
      void test(`${page.path}:${line}`, async () => {
        await writeFile(join(scratch, 'package.json'), '{"type": "module"}');
        await writeFile(file, text);
        const tsx = join(root, 'node_modules/tsx/dist/loader.mjs');
        const { stdout } = await run(process.execPath, ['--import', tsx, file], {
          cwd: dirname(file),
          timeout: 60_000,
        });
        if (output !== undefined) assert.equal(stdout.trimEnd(), output.trimEnd());
      });
    }
  }
});

function programsOf(page: Page) {
  return page.blocks.flatMap((block, index) => {
    if (block.language !== 'ts') return [];
    const next = page.blocks[index + 1];
    const output = next?.language === 'text' && next.info === 'output' ? next.text : undefined;
    const text = block.text
      .replaceAll(`from 'indelible'`, `from '${join(root, 'src/index.ts')}'`)
      .replaceAll(`from 'indelible/gateway'`, `from '${join(root, 'src/gateway/index.ts')}'`)
      .replaceAll(/from 'indelible\/(express|fastify|mcp)'/g, `from '${join(root, 'src/adapters')}/$1.ts'`);
    const file = join(folderOf(page), `line-${block.line}.ts`);
    return [{ file, line: block.line, runs: block.info === 'run', output, text: `${text}\nexport {};\n` }];
  });
}

void describe('links and codes', () => {
  for (const page of pages) {
    void test(page.path, async () => {
      const broken: string[] = [];
      for (const [, target = ''] of withoutBlocks(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        const file = path === '' ? page.path : relative(root, resolve(root, dirname(page.path), path));
        const exists = await stat(join(root, file)).then(
          () => true,
          () => false,
        );
        const known = pages.find((each) => each.path === file);
        if (!exists || (anchor !== undefined && known && !slugsOf(known.text).has(anchor))) broken.push(target);
      }
      assert.deepEqual(broken, []);
      const codes = [...page.text.matchAll(/`((?:config|language|session)\/[a-z-]+)`/g)].map(([, code = '']) => code);
      assert.deepEqual(
        codes.filter((code) => !Object.hasOwn(catalog, code)),
        [],
      );
    });
  }
});

function withoutBlocks(page: Page): string {
  let { text } = page;
  for (const block of page.blocks) text = text.replace(block.text, '');
  return text;
}

function load(text: string, name: string, baseDirectory: string): Promise<LoadResult> {
  return loadBundle(
    { name, text },
    {
      baseDirectory,
      environment: {
        HASH_KEY: 'example',
        HANDLE_KEY: 'k'.repeat(32),
        COLLECTOR_AUTHORIZATION: 'Bearer example',
        OAUTH_CLIENT_SECRET: 'example',
        CIBA_SECRET: 'example',
        CHAT_KEY: 'sixteen-letters-or-more',
      },
      ...EXAMPLE_KINDS,
    },
  );
}

/** What a block is loaded as; undefined when it is no bundle. */
function bundleText(text: string): string | undefined {
  const body = text.replace(/^(?:\s*#.*\n)+/, '');
  if (BUNDLE_KEY.test(body)) return text;
  return POLICY_TERM.test(body) ? SURROUNDINGS + onRoute(text) : undefined;
}

function onRoute(terms: string): string {
  return `routes:\n  - tool: example\n${terms.replaceAll(/^(?=.)/gm, '    ')}\n`;
}

function commentsOf(text: string, word: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^# ${word}: (\\S+)$`, 'gm'))].map(([, code = '']) => code);
}

function fileNameOf({ language, text }: Block): string {
  return (language === 'yaml' ? /^# ([\w-]+\.yaml)$/m.exec(text.split('\n', 1)[0] ?? '')?.[1] : undefined) ?? '';
}

function folderOf(page: Page): string {
  return join(scratch, basename(page.path, '.md'));
}

function json(text: string): JsonValue {
  const value: JsonValue = JSON.parse(text);
  return value;
}

async function markdownFiles(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (/^(?:node_modules|dist|coverage|\..*)$/.test(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await markdownFiles(path)));
    else if (entry.name.endsWith('.md')) found.push(relative(root, path));
  }
  return found.toSorted();
}
