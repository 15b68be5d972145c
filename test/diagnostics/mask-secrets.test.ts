import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskSecrets } from '../../src/diagnostics/mask-secrets.ts';
import { renderText } from '../../src/diagnostics/render.ts';

test('values of secret keys and credentials of URLs are covered, and nothing else moves', () => {
  for (const [line, masked] of [
    ['    password: hunter2', '    password: •••••••'],
    ['  {kind: valkey, password: "a, b}c", ttl_second: 60}', '  {kind: valkey, password: ••••••••, ttl_second: 60}'],
    ["hash_key: {kind: literal, secret: 'x'}", 'hash_key: {kind: literal, secret: •••}'],
    ['endpoint: rediss://gw:pw@valkey.internal:6379', 'endpoint: rediss://•••••@valkey.internal:6379'],
    ['addr: gw:pw@valkey.internal:6379', 'addr: •••••@valkey.internal:6379'],
    ['addrs: ["gw:pw@a:1", b:2]', 'addrs: ["•••••@a:1", b:2]'],
    ['- "args.token_count > 3: deny"', '- "args.token_count > 3: deny"'],
  ] as const) {
    assert.equal(maskSecrets(line), masked);
    assert.equal(masked.length, line.length);
  }
});

test('a rendered diagnostic beside a secret does not show it', () => {
  const text = 'session_store: {kind: valkey, password: hunter2, ttl_second: 60}\n';
  const start = text.indexOf('ttl_second');
  const span = { source: { name: 'policy.yaml', text }, start, end: start + 'ttl_second'.length };
  const rendered = renderText([{ code: 'config/unknown-key', severity: 'error', span, message: 'm' }], {
    color: false,
  });
  assert.ok(!rendered.includes('hunter2'));
  assert.match(rendered, /ttl_second: 60\}\n.*\^{10}\n/);
});
