import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { schemaErrors, type JsonSchema } from '../../src/config/compiled-schema.ts';
import { printBundleSchema } from '../support/kind-schemas.ts';

const text = readFileSync(new URL('../../schemas/bundle.schema.json', import.meta.url), 'utf8');
const editorSchema: JsonSchema = JSON.parse(text);

function findings(block: unknown, key = 'session_store'): readonly string[] {
  const errors = schemaErrors(editorSchema, { global: { [key]: block } });
  return errors.filter(({ keyword }) => keyword !== 'if').map(({ keyword, path }) => [keyword, ...path].join(' '));
}

void describe('the bundle schema that editors use', () => {
  void test('has the kinds of stores as they are checked', () => {
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
});
