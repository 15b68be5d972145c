import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from 'yaml';
import type { BundleSource } from '../src/config/document-reader.ts';
import { loadBundle } from '../src/config/load-bundle.ts';
import type { LoadOptions } from '../src/config/load-options.ts';
import type { CatalogEntry } from '../src/diagnostics/catalog-entry.ts';
import { catalog, type Code } from '../src/diagnostics/catalog.ts';
import { readVectors } from './support/conformance.ts';
import { rowsOf, testDialect, testKind } from './support/engine.ts';

const directory = await mkdtemp(join(tmpdir(), 'catalog-'));
after(() => rm(directory, { recursive: true }));
await mkdir(join(directory, 'empty'));
await writeFile(join(directory, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]));
await writeFile(join(directory, 'one.yaml'), 'data: {a: 1}');
await writeFile(join(directory, 'two.yaml'), 'data: {a: 2}');
await writeFile(join(directory, 'stray.yaml'), 'region: eu');

const options: LoadOptions = {
  baseDirectory: directory,
  environment: {},
  plugins: [testKind({}, ['cmf.tool_pre_invoke', 'identity.resolve'])],
  decisionPoints: [
    testDialect({
      prepare: () => {
        throw new Error('the step asks nothing');
      },
    }),
  ],
};

const P = 'plugins: [{name: p, kind: test}]\n';
const route = (rest: string): string => `routes: [{tool: t, ${rest}}]`;

/** Bundles for codes that no fixture and no example of the catalog fires. */
const inputs: readonly BundleSource[] = [
  join(directory, 'nowhere.yaml'),
  join(directory, 'empty'),
  join(directory, 'latin1.yaml'),
  ...[
    `a: ${'x'.repeat(20_000_000)}`,
    `${'['.repeat(2000)}${']'.repeat(2000)}`,
    '- a\n- b',
    'a: \u0000',
    `plugins: [{name: p, kind: test, mode: disabled}]\n${route("pre_invocation: ['plugin(p)']")}`,
    'plugins: [{name: p, kind: test, hooks: [tool_pre_invok]}]',
    'plugins: [{name: p, kind: identity/jwt, config: {}}]',
    'global: {pdp: [{kind: test}, {kind: test}]}',
    `global: {pdp: [{kind: test}]}\n${route('pre_invocation: [{test: {a: b}}]')}`,
    `${P}${route("pre_invocation: [{parallel: ['plugin(p)']}]")}`,
    route('authorization: {pre_invocation: [allow]}, pre_invocation: [deny]'),
    'routes: [{tool: [a, b]}, {tool: [b, c]}]',
    'groups: {g: {response: {status: 403}}}',
    `global: {args: {v: redact}}\n${route('args: {v: str}')}`,
    `${P}global: {plugins: {p: {on_error: ignore}}}`,
    `plugin_settings: {routing_enabled: true}\n${P}`,
    route('pre_invocation: ["result.x: deny"]'),
    route('args: {v: hash}'),
    'global: {hash_key: {kind: env_var, name: UNSET}}',
    'global: {attribute_files: [stray.yaml]}',
    'global: {attribute_files: [one.yaml, two.yaml]}',
    route('pre_invocation: [taint(x)]'),
    route(`pre_invocation: ['${'!'.repeat(10_000)}a']`),
  ].map((text) => ({ name: 'policy.yaml', text })),
];

async function codesOf(source: BundleSource): Promise<readonly Code[]> {
  const { diagnostics } = await loadBundle(source, options);
  return diagnostics.map(({ code }) => code);
}

/** Every bundle among the fixtures, and the rules and pipelines of the language tables as bundles. */
async function fixtureBundles(): Promise<readonly string[]> {
  const bundles = [...(await readVectors()).values()].flat().map(({ bundle }) => bundle);
  for (const file of await readdir(new URL('../fixtures/config/schema/', import.meta.url))) {
    const rows: unknown = parse(await readFile(new URL(`../fixtures/config/schema/${file}`, import.meta.url), 'utf8'));
    for (const { bundle } of rows as readonly { readonly bundle: string }[]) bundles.push(bundle);
  }
  for (const row of rowsOf('config/documents')) bundles.push((row as { readonly text: string }).text);
  for (const row of rowsOf('language/rules')) {
    const { text } = row as { readonly text: string };
    bundles.push(JSON.stringify({ routes: [{ tool: 't', pre_invocation: [text] }] }));
  }
  for (const row of rowsOf('language/rule-maps')) {
    const { rule } = row as { readonly rule: string };
    bundles.push(`routes: [{tool: t, pre_invocation: [${rule}]}]`);
  }
  for (const row of rowsOf('language/predicates')) {
    const { text } = row as { readonly text: string };
    bundles.push(JSON.stringify({ routes: [{ tool: 't', when: text }] }));
  }
  for (const row of rowsOf('language/pipelines')) {
    const { text } = row as { readonly text: string };
    bundles.push(JSON.stringify({ routes: [{ tool: 't', args: { v: text } }] }));
  }
  for (const row of rowsOf('language/field-paths')) {
    const { text } = row as { readonly text: string };
    bundles.push(JSON.stringify({ routes: [{ tool: 't', args: { [text]: 'str' } }] }));
  }
  return bundles;
}

describe('the catalog', () => {
  const entries = Object.entries(catalog) as readonly (readonly [Code, CatalogEntry])[];

  it('explains every code', () => {
    for (const [code, { title, explanation, severity }] of entries) {
      assert.match(code, /^[a-z]+\/[a-z0-9-]+$/);
      assert.ok(severity === 'error' || severity === 'warning', code);
      assert.match(title, /^[^A-Z].*[^.]$/, `${code}: a title is lower case and has no full stop`);
      assert.match(explanation, /^[A-Z`].*\.$/s, `${code}: an explanation is sentences`);
    }
  });

  it('has examples that fire the code they stand for', async () => {
    for (const [code, { example }] of entries) {
      if (example === undefined || code.startsWith('language/')) continue;
      assert.ok((await codesOf({ name: 'policy.yaml', text: example })).includes(code), code);
    }
  });

  it('holds no code that nothing fires', async () => {
    const fired = new Set<Code>();
    const examples = entries.flatMap(([, { example }]) => example ?? []);
    const texts = [...examples, ...(await fixtureBundles())].map((text) => ({ name: 'policy.yaml', text }));
    for (const source of [...inputs, ...texts]) for (const code of await codesOf(source)) fired.add(code);
    assert.deepEqual(
      entries.map(([code]) => code).filter((code) => !fired.has(code)),
      [],
    );
  });
});
