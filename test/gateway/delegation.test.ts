import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { decodeJwt } from 'jose';
import type { GatewayOptions } from '../../src/gateway/index.ts';
import type { PolicyEngine } from '../../src/engine/policy-engine.ts';
import { engineOf } from '../support/engine.ts';
import { GATEWAY, HR, SECRET, startDelegationProvider, userToken } from '../support/delegation.ts';
import type { IdentityProvider } from '../support/identity-provider.ts';
import { ask, post, startPeer, toolCall } from '../support/http-peer.ts';
import type { Peer } from '../support/http-peer.ts';
import { startSessionUpstream } from '../support/mcp-upstream.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';

let provider: IdentityProvider;
let upstream: Peer;
let engine: PolicyEngine;
let running: RunningGateway;

before(async () => {
  provider = await startDelegationProvider();
});
afterEach(async () => {
  provider.intercept(undefined);
  await running.gateway.close();
  await engine.close();
  await upstream.close();
});
after(() => provider.close());

/** `echo` delegates, `get_employee` does not; the plain HTTP request `/files/1` does. */
async function start(
  peer: Promise<Peer>,
  options: Partial<GatewayOptions> = {},
  header = 'Authorization',
): Promise<void> {
  upstream = await peer;
  const delegate = `delegate(exchange, audience: '${HR}', permissions: [read])`;
  const policy = {
    plugins: [
      {
        name: 'login',
        kind: 'identity/jwt',
        hooks: ['identity.resolve'],
        config: {
          trusted_issuers: [
            {
              issuer: provider.issuer,
              audiences: [GATEWAY],
              algorithms: ['ES256'],
              decoding_key: { kind: 'jwks_url', url: provider.keySetUrl, insecure_http: true },
            },
          ],
        },
      },
      {
        name: 'exchange',
        kind: 'delegator/oauth',
        hooks: ['token.delegate'],
        capabilities: ['read_inbound_credentials'],
        config: {
          token_endpoint: provider.tokenEndpoint,
          client_id: 'gateway',
          client_secret_source: { kind: 'env_var', name: 'SECRET' },
          default_outbound_header: header,
        },
      },
    ],
    global: {
      authentication: ['login'],
      pre_invocation: [{ when: "http.path == '/files/1'", do: [delegate] }],
    },
    routes: [
      { tool: 'echo', pre_invocation: [delegate], args: { text: "str | regex('^[a-z]*$')" } },
      { tool: 'get_employee' },
    ],
  };
  engine = await engineOf(JSON.stringify(policy), { environment: { SECRET } });
  running = await startGateway(upstream.url, {}, { engine, ...options });
}

const plain = (): Promise<Peer> =>
  startPeer((_, response, body) => {
    const { id } = JSON.parse(body === '' ? '{}' : body) as { id?: unknown };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } }));
  });

/** Whom the token of an upstream request is from and for; undefined without one. */
function tokenIn(header: string | string[] | undefined): object | undefined {
  if (typeof header !== 'string') return undefined;
  const { sub, aud, scope } = decodeJwt(header.replace(/^Bearer /, ''));
  return { sub, aud, scope };
}

const MINTED = { sub: 'ann', aud: HR, scope: 'read' };

describe('a minted credential', () => {
  it('goes upstream with its own call and with nothing else of the session, and the own one of the caller never', async () => {
    await start(startSessionUpstream());
    const own = await userToken(provider);
    const client = new Client({ name: 'test', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL(running.url), {
      authProvider: { token: async () => own },
    });
    await client.connect(transport);
    await client.listTools();
    await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
    await client.callTool({ name: 'get_employee', arguments: { id: '1' } });
    await client.listTools();
    await transport.terminateSession();
    await client.close();

    const sent = upstream.requests.map(({ method, headers, body }) => {
      const message = body === '' ? {} : (JSON.parse(body) as { method?: string; params?: { name?: string } });
      return [
        [method, message.method, message.params?.name].filter(Boolean).join(' '),
        tokenIn(headers.authorization),
      ] as const;
    });
    const expected = new Map(sent.map(([what]) => [what, what === 'POST tools/call echo' ? MINTED : undefined]));
    assert.ok(expected.has('POST tools/call echo') && expected.has('GET') && expected.has('POST tools/list'));
    for (const [what, token] of sent) assert.deepEqual(token, expected.get(what), what);
    for (const { headers } of upstream.requests) assert.ok(!JSON.stringify(headers).includes(own));
  });

  it('is that of each caller', async () => {
    await start(plain());
    const accounts = ['ann', 'bob', 'ann', 'carl', 'bob'];
    const tokens = new Map<string, string>();
    for (const account of new Set(accounts)) tokens.set(account, await userToken(provider, account));
    await Promise.all(
      accounts.map((account, id) =>
        post(running.url, toolCall(id, 'echo', { text: account }), {
          authorization: `Bearer ${tokens.get(account) ?? ''}`,
        }),
      ),
    );
    const sent = upstream.requests.map(({ headers, body }) => {
      const { params } = JSON.parse(body) as { params: { arguments: { text: string } } };
      return [params.arguments.text, headers.authorization];
    });
    assert.equal(sent.length, accounts.length);
    for (const [account, header] of sent) assert.deepEqual(tokenIn(header), { ...MINTED, sub: account });
  });

  for (const header of ['X-HR-Token', 'Authorization']) {
    it(`goes in ${header}, and the own one stays behind even where it may be forwarded`, async () => {
      await start(plain(), { forwardAuthorization: true }, header);
      const own = await userToken(provider);
      const headers = { authorization: `Bearer ${own}`, 'x-hr-token': 'forged' };
      await post(running.url, toolCall(1, 'echo', { text: 'a' }), headers);
      await ask(running.url, { method: 'GET', path: '/files/1', headers });
      await post(running.url, toolCall(2, 'get_employee', { id: '1' }), headers);
      const [minted, file, other] = upstream.requests;
      for (const request of [minted, file]) {
        assert.deepEqual(tokenIn(request?.headers[header.toLowerCase()]), MINTED);
        assert.ok(!JSON.stringify(request?.headers).includes(own));
      }
      assert.equal(other?.headers.authorization, `Bearer ${own}`);
    });
  }

  it('is for one operation: a batch that would share it is refused for that member', async () => {
    await start(plain());
    const authorization = `Bearer ${await userToken(provider)}`;
    const answer = await post(
      running.url,
      [toolCall(1, 'echo', { text: 'a' }), toolCall(2, 'get_employee', { id: '1' })],
      { authorization },
    );
    assert.match(answer.body, /gateway\.delegation_in_batch/);
    for (const { headers, body } of upstream.requests) {
      assert.equal(headers.authorization, undefined);
      assert.doesNotMatch(body, /echo/);
    }
  });

  it('that cannot be had denies the call, and the client and the log learn a code and no more', async () => {
    await start(startSessionUpstream());
    const own = await userToken(provider);
    const keys = new URL(provider.keySetUrl).pathname;
    provider.intercept((request, response, serve) => {
      if (request.url === keys) return serve();
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: 'invalid_target', error_description: `canary ${SECRET} ${own}` }));
    });
    const client = new Client({ name: 'test', version: '1.0.0' });
    const transport = new StreamableHTTPClientTransport(new URL(running.url), {
      authProvider: { token: async () => own },
    });
    await client.connect(transport);
    await assert.rejects(client.callTool({ name: 'echo', arguments: { text: 'a' } }), (error: unknown) => {
      assert.ok(error instanceof ProtocolError);
      const told = JSON.stringify([error.message, error.data]);
      assert.match(told, /delegation\.idp_rejected/);
      assert.doesNotMatch(told, /canary|eyJ/);
      return true;
    });
    await client.close();
    const log = running.log.join('');
    assert.match(log, /delegation\.idp_rejected/);
    for (const secret of ['canary', SECRET, own]) assert.ok(!log.includes(secret));
    assert.ok(upstream.requests.every(({ body }) => !body.includes('tools/call')));
  });
});
