import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ProtocolError } from '@modelcontextprotocol/client';
import type { Peer } from '../support/http-peer.ts';
import { startIssuer, type TestIssuer } from '../support/issuer.ts';
import { startStatelessUpstream } from '../support/mcp-upstream.ts';
import { connectPeer } from '../support/mcp-peers.ts';
import { ServedGateway } from '../support/served-gateway.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

/** Reading an employee labels the session; a labelled session may echo no more. */
function policyOf(store: ValkeyServer, issuer: TestIssuer): string {
  const limits = { connect_timeout_ms: 5000, command_timeout_ms: 10_000 };
  const trusted = {
    issuer: issuer.issuer,
    audiences: ['gateway'],
    algorithms: ['ES256'],
    decoding_key: { kind: 'jwks_url', url: issuer.keySetUrl, insecure_http: true },
  };
  return JSON.stringify({
    plugin_settings: { routing_enabled: true },
    global: {
      authentication: ['tokens'],
      session_store: { kind: 'valkey', endpoint: store.endpoint, ...limits },
    },
    plugins: [
      {
        name: 'tokens',
        kind: 'identity/jwt',
        hooks: ['identity.resolve'],
        config: { role: 'user', header: 'Authorization', trusted_issuers: [trusted] },
      },
    ],
    routes: [
      { tool: 'get_employee', pre_invocation: ['require(authenticated)', 'taint(personal, session)'] },
      {
        tool: 'echo',
        pre_invocation: [
          'require(authenticated)',
          "security.labels contains 'personal': deny('no echo after reading', 'leak')",
        ],
      },
    ],
  });
}

describe('two gateways on one label store', () => {
  let folder: string;
  let store: ValkeyServer;
  let issuer: TestIssuer;
  let upstream: Peer;
  let policy: string;
  const gateways: ServedGateway[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'indelible-nodes-'));
    policy = join(folder, 'policy.yaml');
    [store, issuer, upstream] = await Promise.all([
      ValkeyServer.start({ config: ['appendonly yes', 'appendfsync always'] }),
      startIssuer(),
      startStatelessUpstream(),
    ]);
    writeFileSync(policy, policyOf(store, issuer));
  });

  after(async () => {
    for (const gateway of gateways) await gateway.end('SIGKILL');
    await Promise.all([upstream.close(), issuer.close(), store.stop()]);
    rmSync(folder, { recursive: true });
  });

  const start = (): ServedGateway => {
    const gateway = new ServedGateway([policy, '--upstream', upstream.url, '--listen', '127.0.0.1:0']);
    gateways.push(gateway);
    return gateway;
  };

  /** What the subject's own MCP client comes to through a gateway: the tool's text, or the code of the denial. */
  const call = async (gateway: ServedGateway, subject: string, tool: 'get_employee' | 'echo'): Promise<string> => {
    const token = await issuer.sign({ sub: subject, aud: 'gateway' });
    const client = await connectPeer(await gateway.url(), 'auto', { authorization: `Bearer ${token}` });
    try {
      await client.call({ kind: 'tool', name: tool, arguments: { id: '7', text: 'hello' } });
      return 'answered';
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return (error.data as { violation: string }).violation;
    } finally {
      await client.close();
    }
  };

  test('a label set through one denies through the other, also after both were killed and restarted', async () => {
    const [one, other] = [start(), start()];
    assert.equal(await call(other, 'alice', 'echo'), 'answered');
    assert.equal(await call(one, 'alice', 'get_employee'), 'answered');
    assert.equal(await call(other, 'alice', 'echo'), 'leak');
    assert.equal(await call(other, 'bob', 'echo'), 'answered');

    assert.deepEqual(await Promise.all([one.end('SIGKILL'), other.end('SIGKILL')]), [null, null]);
    await store.restart();
    const [again, anew] = [start(), start()];
    assert.equal(await call(again, 'alice', 'echo'), 'leak');
    assert.equal(await call(anew, 'alice', 'echo'), 'leak');
    assert.equal(await call(anew, 'bob', 'echo'), 'answered');
  });

  test('while the store is down nothing of a labelled session gets through either of them', async () => {
    const [one, other] = [start(), start()];
    await Promise.all([one.url(), other.url()]);
    assert.equal(await call(one, 'carol', 'get_employee'), 'answered');
    await store.stop();
    for (const gateway of [one, other]) {
      assert.equal(await call(gateway, 'carol', 'echo'), 'session.load_failed');
      await gateway.line('session_store_failure');
    }
  });
});
