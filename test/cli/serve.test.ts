import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCli } from '../support/run-cli.ts';
import { ServedGateway } from '../support/served-gateway.ts';

const ALLOWED = 'global: {unmatched: allow}\n';
const REDACTED = 'routes:\n  - tool: pay\n    result: {ssn: redact}\n';

async function pay(url: string): Promise<string> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'pay', arguments: {} } }),
  });
  return response.text();
}

describe('serve', () => {
  let folder: string;
  let policy: string;
  let upstream: Server;
  let upstreamUrl: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'indelible-serve-'));
    policy = join(folder, 'policy.yaml');
    upstream = createServer((request, response) => {
      request.resume().on('end', () => {
        const result = { content: [{ type: 'text', text: '{"ssn":"123-45-6789"}' }] };
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
      });
    });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/mcp`;
  });

  after(() => {
    upstream.close();
    upstream.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  const start = (...more: readonly string[]): ServedGateway =>
    new ServedGateway([policy, '--upstream', upstreamUrl, '--listen', '127.0.0.1:0', ...more]);

  test('enforces the bundle, follows its changes, keeps the last good one, and drains on SIGTERM', async () => {
    writeFileSync(policy, ALLOWED);
    const served = start('--watch', '--admin', '127.0.0.1:0');
    const line = await served.line('serving http');
    const [, url = '', admin = ''] = /serving (\S+) .* admin at (\S+)$/.exec(line) ?? [];
    assert.match(await pay(url), /123-45-6789/);

    writeFileSync(policy, REDACTED);
    await served.line('bundle reloaded');
    assert.match(await pay(url), /\[REDACTED\]/);

    writeFileSync(policy, 'routes: [{tool: pay, resalt: {ssn: str}}]\n');
    assert.match(await served.line('bundle_rejected'), /config\/unknown-key/);
    assert.match(await pay(url), /\[REDACTED\]/);

    assert.equal((await fetch(`${admin}/healthz`)).status, 200);
    assert.equal((await fetch(`${admin}/readyz`)).status, 200);
    assert.match(
      await (await fetch(`${admin}/metrics`)).text(),
      /indelible_alarms_total\{alarm="bundle_rejected"\} 1\n/,
    );
    assert.equal(await served.end('SIGTERM'), 0);
  });

  test('opens the operators’ socket for as long as it serves, over reloads', async () => {
    const asking = (reason: string): string => `plugins: [{name: desk, kind: elicitation/local}]
global: {unmatched: allow}
routes: [{tool: pay, pre_invocation: ["require_approval(desk, from: 'eve')", "subject.id: deny('${reason}')"]}]
`;
    writeFileSync(policy, asking('a'));
    const socket = join(folder, 'approvals.sock');
    const served = start('--watch', '--approvals-socket', socket);
    await served.url();
    const list = async (): Promise<string> => (await runCli(['approvals', 'list', '--socket', socket])).stdout;
    assert.equal(await list(), 'no question waits\n');
    writeFileSync(policy, asking('b'));
    await served.line('bundle reloaded');
    assert.equal(await list(), 'no question waits\n');
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    assert.equal(await served.end('SIGTERM'), 0);
    assert.throws(() => statSync(socket), { code: 'ENOENT' });
  });

  test('SIGHUP reloads', async () => {
    writeFileSync(policy, ALLOWED);
    const served = start();
    const url = await served.url();
    writeFileSync(policy, REDACTED);
    assert.match(await pay(url), /123-45-6789/);
    served.child.kill('SIGHUP');
    await served.line('bundle reloaded');
    assert.match(await pay(url), /\[REDACTED\]/);
    assert.equal(await served.end('SIGINT'), 0);
  });

  test('keeps in --cache what it read, and says when it cannot be used', async () => {
    const cache = join(folder, 'cache');
    writeFileSync(policy, ALLOWED);
    const first = start('--cache', cache);
    assert.match(await pay(await first.url()), /123-45-6789/);
    assert.equal(readdirSync(cache).length, 1);
    writeFileSync(policy, REDACTED);
    first.child.kill('SIGHUP');
    await first.line('bundle reloaded');
    assert.equal(readdirSync(cache).length, 2);
    assert.equal(await first.end('SIGTERM'), 0);

    for (const name of readdirSync(cache)) writeFileSync(join(cache, name), 'damaged');
    const second = start('--cache', cache);
    assert.match(await pay(await second.url()), /\[REDACTED\]/);
    await second.line('bundle_cache_unusable');
    assert.equal(await second.end('SIGTERM'), 0);
  });

  test('serves several upstreams, and calls go where the restrictions let them', async () => {
    writeFileSync(policy, 'routes:\n  - tool: pay\n    pre_invocation: [{restrict: {max_cost_tier: standard}}]\n');
    const served = start(
      '--upstream',
      `name=b,url=${upstreamUrl},cost_tier=standard`,
      '--cost-tiers',
      'standard,premium',
    );
    const line = await served.line('serving http');
    const host = new URL(upstreamUrl).host;
    assert.ok(line.endsWith(` in front of ${host}, b (${host})`), line);
    assert.match(await pay(/serving (\S+)/.exec(line)?.[1] ?? ''), /123-45-6789/);
    assert.match(await served.line('"entity":"tool:pay"'), /"upstream":"b"/);
    assert.equal(await served.end('SIGTERM'), 0);
    const unranked = start('--upstream', `name=b,url=${upstreamUrl},cost_tier=standard`);
    assert.deepEqual(await once(unranked.child, 'close'), [2, null]);
    assert.ok(
      unranked.lines.some((text) => text.startsWith('indelible: the cost tier of upstream b has no rank')),
      unranked.lines.join(),
    );
  });

  test('a rejected bundle ends with 1, a wrong address with 2', async () => {
    writeFileSync(policy, 'routes: [{tool: pay, resalt: {}}]\n');
    const rejected = start();
    assert.deepEqual(await once(rejected.child, 'close'), [1, null]);
    assert.ok(rejected.lines.some((line) => line.includes('config/unknown-key')));
    const wrong = new ServedGateway([policy, '--upstream', 'ftp://127.0.0.1/mcp']);
    assert.deepEqual(await once(wrong.child, 'close'), [2, null]);
  });
});
