import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { MAX_REQUEST_DEPTH, MAX_REQUEST_LENGTH, readRequest, requestSchema } from '../../src/cli/read-request.ts';
import { schemaErrors, type JsonSchema } from '../../src/config/compiled-schema.ts';

interface Scenario {
  readonly name: string;
  readonly line: string;
  readonly id?: string;
  readonly message?: string;
}

const scenarios: readonly Scenario[] = parse(
  readFileSync(new URL('../../fixtures/config/requests.yaml', import.meta.url), 'utf8'),
);

void describe('request lines', () => {
  for (const { name, line, id, message } of scenarios) {
    void test(name, () => {
      const read = readRequest(line);
      if (message === undefined) assert.deepEqual(read, { ok: true, request: JSON.parse(line) });
      else assert.deepEqual(read, { ok: false, ...(id === undefined ? {} : { id }), message });
    });
  }

  void test('a line may be long and nested, up to a limit', () => {
    assert.equal(readRequest(nested(MAX_REQUEST_DEPTH - 1)).ok, true);
    assert.equal(readRequest(nested(MAX_REQUEST_DEPTH)).ok, false);
    assert.equal(readRequest('['.repeat(1_000_000)).ok, false);
    assert.equal(readRequest(long(MAX_REQUEST_LENGTH - 100)).ok, true);
    assert.equal(readRequest(long(MAX_REQUEST_LENGTH)).ok, false);
  });

  void test('nothing of a refused line is repeated, but names', () => {
    for (const line of [
      '{"args": {"token": hunter2}}',
      'hunter2',
      '{"args": "hunter2',
      '{"attributes": {"a": {"b": "hunter2"}}}',
    ]) {
      const read = readRequest(line);
      assert.ok(!read.ok);
      assert.doesNotMatch(read.message, /hunter2/);
    }
  });
});

void describe('the evaluation contract', () => {
  void test('is closed: each map of the request schema lists its keys or says what its values are', () => {
    const open = Object.entries(definitionsOf(requestSchema))
      .filter(([, schema]) => schema['type'] === 'object' && !('additionalProperties' in schema))
      .map(([name]) => name);
    assert.deepEqual(open, []);
  });

  void test('an answer fits the answer schema', () => {
    const schema: JsonSchema = JSON.parse(
      readFileSync(new URL('../../schemas/answer.schema.json', import.meta.url), 'utf8'),
    );
    const allowed = {
      id: '7',
      decision: 'allow',
      phase: 'post',
      violation: null,
      args: { a: 1 },
      result: 'text',
      modified: { args: false, result: true },
      taints: [{ label: 'secret', scopes: ['session'] }],
      labels: ['secret'],
      constraint: { allow_models: ['a/*'], on_empty: 'deny' },
    };
    const violation = { code: 'session_tainted', reason: 'write-down blocked', details: { 'http.status': 403 } };
    assert.deepEqual(schemaErrors(schema, allowed), []);
    assert.deepEqual(schemaErrors(schema, { ...allowed, decision: 'deny', violation, constraint: null }), []);
    assert.notDeepEqual(schemaErrors(schema, { ...allowed, decision: 'maybe' }), []);
    assert.notDeepEqual(schemaErrors(schema, { ...allowed, reason: 'none' }), []);
  });
});

function definitionsOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const definitions: Record<string, JsonSchema> = JSON.parse(JSON.stringify(schema['$defs']));
  return definitions;
}

function nested(depth: number): string {
  return `{"entity": {"type": "tool", "name": "pay"}, "args": ${'['.repeat(depth)}${']'.repeat(depth)}}`;
}

function long(length: number): string {
  return `{"entity": {"type": "tool", "name": "pay"}, "args": "${'x['.repeat(length / 2)}"}`;
}
