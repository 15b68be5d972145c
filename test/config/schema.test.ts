import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { bundleSchema, responseOf, validateBundle, validateWith } from '../../src/config/schema.ts';
import { catalog } from '../../src/diagnostics/catalog.ts';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { Report } from '../../src/diagnostics/report.ts';
import { documentOf } from '../support/document.ts';

interface Expected {
  readonly code: string;
  readonly at?: string;
  readonly message?: string;
  readonly help?: string;
}
interface Scenario {
  readonly name: string;
  readonly bundle: string;
  readonly expect: readonly Expected[];
}

const fixtures = new URL('../../fixtures/config/', import.meta.url);

function underlined({ span }: Diagnostic): string {
  return span.source.text.slice(span.start, span.end);
}

function check(text: string): { readonly valid: boolean; readonly diagnostics: readonly Diagnostic[] } {
  const report = new Report();
  const valid = validateBundle(documentOf(text), report);
  return { valid, diagnostics: report.diagnostics };
}

void describe('bundles that pass', () => {
  for (const file of readdirSync(new URL('accept/', fixtures))) {
    void test(file, () => {
      const { valid, diagnostics } = check(readFileSync(new URL(`accept/${file}`, fixtures), 'utf8'));
      assert.deepEqual(diagnostics, []);
      assert.equal(valid, true);
    });
  }
});

for (const file of readdirSync(new URL('schema/', fixtures))) {
  const scenarios: readonly Scenario[] = parse(readFileSync(new URL(`schema/${file}`, fixtures), 'utf8'));
  void describe(file, () => {
    for (const { name, bundle, expect } of scenarios) {
      void test(name, () => {
        const { valid, diagnostics } = check(bundle);
        const found = diagnostics.map((diagnostic, index) => {
          const wanted = expect[index] ?? { code: '', at: '', message: '', help: '' };
          return {
            code: diagnostic.code,
            ...('at' in wanted ? { at: underlined(diagnostic) } : {}),
            ...('message' in wanted ? { message: diagnostic.message } : {}),
            ...('help' in wanted ? { help: diagnostic.help } : {}),
          };
        });
        assert.deepEqual(found, expect);
        assert.equal(
          valid,
          diagnostics.every((diagnostic) => diagnostic.severity === 'warning'),
        );
      });
    }
  });
}

void describe('the bundle schema', () => {
  void test('is closed wherever it lists keys, but for blocks whose kind lists them', () => {
    const open: string[] = [];
    visit(bundleSchema, '#', (schema, place) => {
      if ('properties' in schema && schema['additionalProperties'] !== false && !('discriminator' in schema)) {
        open.push(place);
      }
    });
    assert.deepEqual(open, ['#/$defs/decisionPoint', '#/$defs/sessionStore', '#/$defs/transportSessions']);
  });

  void test('describes every key for editors', () => {
    visit(bundleSchema, '#', (schema, place) => {
      for (const [key, property] of Object.entries(asRecord(schema['properties'] ?? {}))) {
        const described = asRecord(property);
        if ('const' in described) continue;
        const target = described['$ref'] === undefined ? described : definition(described['$ref']);
        assert.ok(described['title'] ?? target['title'], `${place} ${key} has a title`);
        assert.ok(described['description'] ?? target['description'], `${place} ${key} has a description`);
      }
    });
  });
});

void test('whatever the bundle, nothing is thrown and each finding lies inside the text', () => {
  const keys = new Set<string>(['x', '__proto__', 'policy', 'identity']);
  visit(bundleSchema, '#', (schema) =>
    Object.keys(asRecord(schema['properties'] ?? {})).forEach((key) => keys.add(key)),
  );
  const key = fc.constantFrom(...keys);
  const leaf = fc.constantFrom(null, true, 0, -1.5, 1e30, '', 'deny', 'a | b', 'literal');
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      leaf,
      fc.array(tie('node'), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie('node')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
    ),
  }));
  fc.assert(
    fc.property(fc.array(fc.tuple(key, node), { maxLength: 5 }), (entries) => {
      const text = JSON.stringify(Object.fromEntries(entries));
      const { valid, diagnostics } = check(text);
      assert.equal(
        valid,
        diagnostics.every(({ severity }) => severity === 'warning'),
      );
      for (const { span, code, message } of diagnostics) {
        assert.ok(span.start >= 0 && span.start <= span.end && span.end <= text.length);
        assert.ok(code in catalog);
        assert.doesNotMatch(message, /undefined|\[object|[.]$/);
      }
    }),
  );
});

void test('of a great many mistakes the first hundred are told', () => {
  const report = new Report();
  assert.equal(validateBundle(documentOf(`routes: [${'{a: 1},'.repeat(20_000)}]`), report), false);
  assert.equal(report.diagnostics.length, 100);
  assert.ok(report.dropped > 0);
});

void test('a mistake far down a long list or map is shown at its place', () => {
  const groups = Array.from({ length: 600 }, (_, index) => `g${index}: {${index === 555 ? 'args' : 'metadata'}: }`);
  const routes = Array.from({ length: 600 }, (_, index) => `{tool: t${index}, args: ${index === 444 ? 444 : '{}'}}`);
  const { diagnostics } = check(`{groups: {${groups.join(', ')}}, routes: [${routes.join(', ')}]}`);
  assert.deepEqual(diagnostics.map(underlined), ['args', '444']);
});

void test('a response is read only when it can be sent', () => {
  assert.deepEqual(responseOf(documentOf('{status: 403, body: no, headers: {Allow: GET}}')), {
    status: 403,
    body: 'no',
    headers: { Allow: 'GET' },
  });
  for (const malformed of ['{status: 99}', '{status: 403, body: 1}', '{headers: [a]}', '5', '~', '{statuss: 403}']) {
    assert.equal(responseOf(documentOf(malformed)), undefined, malformed);
  }
});

void describe('validateWith', () => {
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      kind: { const: 'shop' },
      endpoint: { type: 'string', pattern: '^[a-z]+:[0-9]+$' },
      cluster: { type: 'array', items: { type: 'string' }, minItems: 2 },
      username: { type: 'string' },
      password: { type: 'string', enum: ['open'], writeOnly: true },
      limit: { type: 'integer' },
    },
    dependentRequired: { username: ['password'] },
    oneOf: [{ required: ['endpoint'] }, { required: ['cluster'] }],
  };
  const subject = 'session store `shop`';

  function findings(text: string): readonly string[] {
    const report = new Report();
    const valid = validateWith(schema, documentOf(text), report, { code: 'config/wrong-value', subject });
    assert.equal(valid, report.diagnostics.length === 0);
    return report.diagnostics.map(
      (diagnostic) => `${diagnostic.code} ${underlined(diagnostic)}: ${diagnostic.message}`,
    );
  }

  void test('passes what fits', () => {
    assert.deepEqual(findings('{kind: shop, endpoint: "host:80", limit: 3}'), []);
  });
  void test('names the subject', () => {
    assert.deepEqual(findings('{kind: shop, endpoints: 1}'), [
      'config/unknown-key endpoints: unknown key `endpoints` in session store `shop`',
    ]);
  });
  void test('tells what must stand together and what must not', () => {
    assert.deepEqual(findings('{endpoint: "a:1", cluster: [a, b]}'), [
      'config/wrong-value cluster: session store `shop` has `endpoint` and `cluster`, of which only one may be given',
    ]);
    assert.deepEqual(findings('{endpoint: "a:1", username: u}'), [
      'config/wrong-value {endpoint: "a:1", username: u}: session store `shop` has `username` but no `password`',
    ]);
    assert.deepEqual(findings('{}'), [
      'config/wrong-value {}: session store `shop` has none of `endpoint` and `cluster`',
    ]);
  });
  void test('never shows the value of a secret', () => {
    assert.deepEqual(
      findings('{endpoint: "a:1", password: hunter2}').map((line) => line.split(': ')[1]),
      ['`password` must be `open`'],
    );
  });
  void test('refuses integers that would be rounded', () => {
    assert.deepEqual(findings('{endpoint: "a:1", limit: 90071992547409931}'), [
      'config/wrong-value 90071992547409931: the number is too large to be held exactly',
    ]);
  });
  void test('keeps the patterns of a schema apart', () => {
    const two = {
      type: 'object',
      properties: { a: { type: 'string', pattern: '^a+$' }, b: { type: 'string', pattern: '^(b+)+$' } },
    };
    const report = new Report();
    const node = documentOf(`{a: aaa, b: ${'b'.repeat(5000)}!}`);
    assert.equal(validateWith(two, node, report, { code: 'config/wrong-value', subject }), false);
    assert.deepEqual(
      report.diagnostics.map(({ message }) => message),
      ['`b` does not have the form `^(b+)+$`'],
    );
  });
  void test('a schema that is no schema is a mistake of the program', () => {
    const wrong = { type: 'obect' };
    assert.throws(() => validateWith(wrong, documentOf('{}'), new Report(), { code: 'config/wrong-value', subject }));
  });
});

function visit(
  node: unknown,
  place: string,
  see: (schema: Readonly<Record<string, unknown>>, place: string) => void,
): void {
  if (typeof node !== 'object' || node === null) return;
  if (!Array.isArray(node) && !/\/(properties|\$defs)$/.test(place)) see(asRecord(node), place);
  for (const [key, value] of Object.entries(node)) visit(value, `${place}/${key}`, see);
}

function definition(reference: unknown): Readonly<Record<string, unknown>> {
  return asRecord(
    asRecord(bundleSchema['$defs'])[typeof reference === 'string' ? reference.replace('#/$defs/', '') : ''],
  );
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  assert.ok(typeof value === 'object' && value !== null);
  return Object.fromEntries(Object.entries(value));
}
