import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthorityCheck } from '../../../src/gateway/http/authority.ts';
import { canonicalPath, readTarget } from '../../../src/gateway/http/request-target.ts';

test('the loopback names and the listen address are hosts, others are not', () => {
  const check = createAuthorityCheck('10.0.0.7', [], []);
  for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1:1', '[::1]:3000', '10.0.0.7:80', 'localhost.']) {
    assert.notEqual(check.host(host), undefined, host);
  }
  assert.equal(check.host('LocalHost:8080'), 'localhost');
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost@evil.example',
    'localhost/evil',
    'localhost, evil',
    'localhost:99999999',
    '10.0.0.8',
    '',
    undefined,
  ]) {
    assert.equal(check.host(host), undefined, String(host));
  }
});

test('a wildcard listen address is no name', () => {
  assert.equal(createAuthorityCheck('0.0.0.0', [], []).host('0.0.0.0:80'), undefined);
  assert.equal(createAuthorityCheck('::', [], []).host('[::]:80'), undefined);
  assert.equal(createAuthorityCheck('::1', [], []).host('[0:0:0:0:0:0:0:1]:80'), '[::1]');
});

test('allowed hosts count on any port, or on the one they name', () => {
  const check = createAuthorityCheck('127.0.0.1', ['MCP.example', 'api.example:8443'], []);
  assert.equal(check.host('mcp.example:1234'), 'mcp.example');
  assert.equal(check.host('api.example:8443'), 'api.example');
  assert.equal(check.host('api.example'), undefined);
  assert.throws(() => createAuthorityCheck('127.0.0.1', ['https://mcp.example'], []), TypeError);
});

test('origins: none, own and allowed ones pass', () => {
  const check = createAuthorityCheck('127.0.0.1', ['mcp.example'], ['https://app.example', 'moz-extension://abc']);
  for (const origin of [
    undefined,
    'http://localhost:5173',
    'https://127.0.0.1',
    'https://mcp.example',
    'https://app.example',
    'moz-extension://abc',
  ]) {
    assert.equal(check.origin(origin), true, String(origin));
  }
  for (const origin of [
    'null',
    '',
    'https://evil.example',
    'http://app.example',
    'https://app.example.evil',
    'moz-extension://x',
    'file://localhost',
  ]) {
    assert.equal(check.origin(origin), false, origin);
  }
  assert.throws(() => createAuthorityCheck('127.0.0.1', [], ['https://app.example/path']), TypeError);
});

test('only origin-form targets are read', () => {
  assert.deepEqual(readTarget('/mcp?x=1'), { path: '/mcp', raw: '/mcp?x=1' });
  for (const target of ['*', 'http://evil/mcp', 'evil:80', '/a%zz', '/a\\b', '/a#b', '/\u00e9', undefined]) {
    assert.equal(readTarget(target), undefined, String(target));
  }
});

test('paths that a server may serve alike have one form', () => {
  for (const path of [
    '/mcp',
    '/mcp/',
    '//mcp',
    '/./mcp',
    '/x/../mcp',
    '/%6Dcp',
    '/%256dcp',
    '/MCP',
    '/mcp;v=1',
    '/%2e/mcp',
    '/mcp%2f',
    '/a%5c..%5c/mcp',
  ]) {
    assert.equal(canonicalPath(path), '/mcp', path);
  }
  for (const path of ['/', '/mcpx', '/mcp/x', '/x/mcp']) assert.notEqual(canonicalPath(path), '/mcp', path);
});
