import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { schemaErrors, type JsonSchema } from '../../src/config/compiled-schema.ts';
import { editorSchema } from '../../src/config/editor-schema.ts';
import type { PluginKind } from '../../src/engine/plugin.ts';
import { printBundleSchema } from '../support/kind-schemas.ts';

const text = readFileSync(new URL('../../schemas/bundle.schema.json', import.meta.url), 'utf8');
const shipped: JsonSchema = JSON.parse(text);

function findings(block: unknown, key = 'session_store'): readonly string[] {
  return findingsIn({ global: { [key]: block } });
}

function findingsIn(bundle: unknown): readonly string[] {
  const errors = schemaErrors(shipped, bundle);
  return errors.filter(({ keyword }) => keyword !== 'if').map(({ keyword, path }) => [keyword, ...path].join(' '));
}

void describe('the bundle schema that editors use', () => {
  void test('has the kinds of the package as they are checked', () => {
    assert.equal(text, printBundleSchema(), 'run `npm run generate:schema`');
  });

  void test('knows the keys of the stores of the package, and leaves other kinds open', () => {
    const valkey = { kind: 'valkey', endpoint: 'localhost:6379' };
    for (const block of [
      { kind: 'memory', idle_seconds: 5 },
      { ...valkey, ttl_seconds: 60 },
      { kind: 'acme', table: 't' },
    ]) {
      assert.deepEqual(findings(block), []);
    }
    const place = 'global session_store';
    assert.deepEqual(findings({ kind: 'memory', ttl_seconds: 60 }), [`additionalProperties ${place}`]);
    assert.deepEqual(findings({ ...valkey, ttl: 60 }), [`additionalProperties ${place}`]);
    assert.deepEqual(findings({ ...valkey, ttl_seconds: 'long' }), [`type ${place} ttl_seconds`]);
    assert.deepEqual(findings({ table: 't' }), [`required ${place}`]);
    const redis = { kind: 'redis', addr: 'localhost:6379', key_prefix: 'thv:' };
    assert.deepEqual(findings(redis, 'transport_sessions'), []);
    const misspelt = findings({ ...redis, adr: '' }, 'transport_sessions');
    assert.deepEqual(misspelt, ['additionalProperties global transport_sessions']);
  });

  void test('knows the config of the plugins and the keys of the decision points of the package', () => {
    const scan = { name: 'scan', kind: 'validator/pii-scan' };
    assert.deepEqual(findingsIn({ plugins: [{ ...scan, config: { mode: 'redact' } }] }), []);
    assert.deepEqual(findingsIn({ plugins: [{ name: 'a', kind: 'acme/own', config: { any: 1 } }] }), []);
    const misspelt = findingsIn({ plugins: [{ ...scan, config: { mod: 'redact' } }] });
    assert.deepEqual(misspelt, ['additionalProperties plugins 0 config']);
    assert.deepEqual(findingsIn({ plugins: [{ name: 'login', kind: 'identity/jwt' }] }), ['required plugins 0']);
    const point = { kind: 'cedar-direct', policy_file: 'p.cedar' };
    assert.deepEqual(findings([point], 'pdp'), []);
    assert.deepEqual(findings([{ ...point, policy: '' }], 'pdp'), ['additionalProperties global pdp 0']);
  });

  void test('knows the kinds of a host with `editorSchema`', () => {
    const configSchema = { type: 'object', properties: { tools: { type: 'array' } }, additionalProperties: false };
    const acme: PluginKind = { kind: 'acme/block', configSchema, hooks: ['cmf.tool_pre_invoke'], create: () => ({}) };
    // The checker of the tests knows a schema of this id already.
    const { $id: _id, ...schema } = editorSchema({ plugins: [acme] });
    const paths = (config: unknown): readonly string[] =>
      schemaErrors(schema, { plugins: [{ name: 'block', kind: 'acme/block', config }] }).map(({ path }) =>
        path.join(' '),
      );
    assert.deepEqual(paths({ tools: [] }), []);
    assert.ok(paths({ tool: [] }).includes('plugins 0 config'));
  });

  for (const file of ['examples/hr/policy.yaml', 'examples/mcp-server/policy.yaml', 'examples/fastify/policy.yaml']) {
    void test(`accepts ${file}`, () => {
      assert.deepEqual(findingsIn(parse(readFileSync(file, 'utf8'))), []);
    });
  }
});
