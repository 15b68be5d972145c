import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { createGateway, createTelemetry } from '../../src/gateway/index.ts';
import { loadedEngine, type LoadedEngine } from '../support/loaded-engine.ts';
import { startIssuer, type TestIssuer } from '../support/issuer.ts';
import { startSessionUpstream, startStatelessUpstream } from '../support/mcp-upstream.ts';
import type { Peer } from '../support/http-peer.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

const HEADER = 'Indelible-Session';
const KEY = 'com.example/session-handle';
const environment = { FIRST_KEY: '1'.repeat(32), SECOND_KEY: '2'.repeat(32) };
const FIRST = '{kind: env_var, name: FIRST_KEY}';
const SECOND = '{kind: env_var, name: SECOND_KEY}';

/** `get_employee` labels the session; `echo` is refused to a session that is so labelled. */
function policyOf(store: ValkeyServer, issuer: TestIssuer, keys: string): string {
  const trusted = {
    issuer: issuer.issuer,
    audiences: ['gateway'],
    algorithms: ['ES256'],
    decoding_key: { kind: 'jwks_url', url: issuer.keySetUrl, insecure_http: true },
  };
  return `
plugins:
  - name: login
    kind: identity/jwt
    hooks: [identity.resolve]
    config: {role: user, header: Authorization, trusted_issuers: [${JSON.stringify(trusted)}]}
global:
  sessions:
    mode: union
    identity: [handle, host, identity]
    handle: {${keys}, meta: ${KEY}}
  session_store: {kind: valkey, endpoint: "${store.endpoint}", connect_timeout_ms: 2000, command_timeout_ms: 4000}
  pre_invocation: [require(authenticated)]
routes:
  - {tool: get_employee, post_invocation: [taint(salary)]}
  - {tool: echo, pre_invocation: ["security.labels contains 'salary': deny('r', 'tainted')"]}
`;
}

interface Node extends LoadedEngine {
  readonly url: string;
  close(): Promise<void>;
}

async function startNode(store: ValkeyServer, issuer: TestIssuer, upstream: Peer, keys: string): Promise<Node> {
  const loaded = await loadedEngine(policyOf(store, issuer, keys), { environment });
  const gateway = createGateway({
    engine: loaded.engine,
    upstream: upstream.url,
    listen: { host: '127.0.0.1', port: 0 },
    telemetry: createTelemetry({ level: 'silent' }),
  });
  const { url } = await gateway.listen();
  return {
    ...loaded,
    url,
    async close() {
      await gateway.close();
      await loaded.engine.close();
    },
  };
}

/** What a client keeps: how it answers a call, and the handle that it got last. */
interface Caller {
  /** The handle it sends; undefined for none. */
  handle: string | undefined;
  /** `ok`, or the code of the violation. */
  call(tool: 'get_employee' | 'echo'): Promise<string>;
  close(): Promise<void>;
}

const ARGUMENTS = { get_employee: { id: '7' }, echo: { text: 'hello' } };

type Connect = (url: string, token: string) => Promise<Caller>;

/** A `fetch` that sends the caller's handle in the header, and keeps the one that comes back. */
function keepingFetch(caller: { handle: string | undefined }, token: string): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${token}`);
    if (caller.handle !== undefined) headers.set(HEADER, caller.handle);
    const response = await fetch(input, { ...init, headers });
    caller.handle = response.headers.get(HEADER) ?? caller.handle;
    return response;
  };
}

async function outcomeOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'ok';
  } catch (error) {
    const data = error instanceof Error && 'data' in error ? error.data : undefined;
    const code = typeof data === 'object' && data !== null && 'violation' in data ? data.violation : undefined;
    return typeof code === 'string' ? code : String(error);
  }
}

const connectors: Readonly<Record<string, { readonly era: 'sessions' | 'stateless'; readonly connect: Connect }>> = {
  '2025-11-25, handle in the header': {
    era: 'sessions',
    async connect(url, token) {
      const client = new OldClient({ name: 't', version: '1' });
      const memory: { handle: string | undefined } = { handle: undefined };
      await client.connect(new OldTransport(new URL(url), { fetch: keepingFetch(memory, token) }));
      return Object.assign(memory, {
        call: (name: 'get_employee' | 'echo') => outcomeOf(() => client.callTool({ name, arguments: ARGUMENTS[name] })),
        close: () => client.close(),
      });
    },
  },
  '2026-07-28, handle in the header': {
    era: 'stateless',
    async connect(url, token) {
      const client = new Client({ name: 't', version: '1' }, { versionNegotiation: { mode: 'auto' } });
      const memory: { handle: string | undefined } = { handle: undefined };
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { fetch: keepingFetch(memory, token) }));
      assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
      return Object.assign(memory, {
        call: (name: 'get_employee' | 'echo') => outcomeOf(() => client.callTool({ name, arguments: ARGUMENTS[name] })),
        close: () => client.close(),
      });
    },
  },
  '2026-07-28, handle in `_meta`': {
    era: 'stateless',
    async connect(url, token) {
      const client = new Client({ name: 't', version: '1' }, { versionNegotiation: { mode: 'auto' } });
      const caller: Caller = {
        handle: undefined,
        call: (name) =>
          outcomeOf(async () => {
            const meta = caller.handle === undefined ? {} : { _meta: { [KEY]: caller.handle } };
            const result = await client.callTool({ name, arguments: ARGUMENTS[name], ...meta });
            const given = result._meta?.[KEY];
            assert.ok(typeof given === 'string');
            caller.handle = given;
          }),
        close: () => client.close(),
      };
      const requestInit = { headers: { authorization: `Bearer ${token}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
      return caller;
    },
  },
};

let issuer: TestIssuer;
let store: ValkeyServer;
const upstreams = new Map<'sessions' | 'stateless', Peer>();
const open: { close(): Promise<unknown> }[] = [];

before(async () => {
  [issuer, store] = await Promise.all([startIssuer(), ValkeyServer.start()]);
  upstreams.set('sessions', await startSessionUpstream());
  upstreams.set('stateless', await startStatelessUpstream());
});
after(async () => {
  for (const each of open.toReversed()) await each.close();
  await Promise.all([issuer.close(), store.stop(), ...[...upstreams.values()].map((each) => each.close())]);
});

function kept<T extends { close(): Promise<unknown> }>(made: T): T {
  open.push(made);
  return made;
}

for (const [name, { era, connect }] of Object.entries(connectors)) {
  void describe(name, () => {
    const node = async (keys = `key_source: ${FIRST}`): Promise<Node> => {
      const upstream = upstreams.get(era);
      assert.ok(upstream);
      return kept(await startNode(store, issuer, upstream, keys));
    };
    const tokenOf = (sub: string): Promise<string> => issuer.sign({ sub: `${name} ${sub}`, aud: 'gateway' });

    void test('labels stay with a client that keeps its handle, drops it, or sends an old one', async () => {
      const { url } = await node();
      const caller = kept(await connect(url, await tokenOf('ann')));
      assert.equal(await caller.call('echo'), 'ok');
      const early = caller.handle;
      assert.ok(early !== undefined);
      assert.equal(await caller.call('get_employee'), 'ok');
      for (const handle of [caller.handle, undefined, early]) {
        caller.handle = handle;
        assert.equal(await caller.call('echo'), 'tainted');
      }
      const again = kept(await connect(url, await tokenOf('ann')));
      assert.equal(await again.call('echo'), 'tainted', 'also in another transport session');
      const bob = kept(await connect(url, await tokenOf('bob')));
      assert.equal(await bob.call('echo'), 'ok');
      bob.handle = early;
      assert.equal(await bob.call('echo'), 'session.handle_invalid');
      for (const peer of upstreams.values()) {
        for (const { headers, body } of peer.requests) {
          assert.equal(headers[HEADER.toLowerCase()], undefined);
          assert.ok(!body.includes(KEY));
        }
      }
    });

    void test('a key that is gone from the store is found out by a node that never saw its labels', async () => {
      const [first, second] = [await node(), await node()];
      const token = await tokenOf('cleo');
      const caller = kept(await connect(first.url, token));
      assert.equal(await caller.call('get_employee'), 'ok');
      // A stream's header has the handle of the time before the label.
      assert.equal(await caller.call('echo'), 'tainted');
      if (name.includes('_meta')) assert.equal(await caller.call('get_employee'), 'ok');
      const other = kept(await connect(second.url, token));
      other.handle = caller.handle;
      await store.admin((client) => client.flushall());
      assert.equal(await other.call('echo'), 'session.labels_lost');
      assert.equal(await other.call('get_employee'), 'session.labels_lost');
      assert.deepEqual(
        second.alarms.map(({ alarm }) => alarm).filter((alarm) => alarm === 'session_labels_lost'),
        ['session_labels_lost', 'session_labels_lost'],
      );
    });

    void test('keys rotate without a client noticing, until the old one is taken away', async () => {
      const current = await node();
      const token = await tokenOf('dora');
      const caller = kept(await connect(current.url, token));
      assert.equal(await caller.call('get_employee'), 'ok');
      const old = caller.handle;
      const rotated = await node(`key_source: ${SECOND}, accepted_key_sources: [${FIRST}]`);
      const retired = await node(`key_source: ${SECOND}`);
      const [onRotated, onRetired] = [kept(await connect(rotated.url, token)), kept(await connect(retired.url, token))];
      onRotated.handle = old;
      assert.equal(await onRotated.call('get_employee'), 'ok');
      assert.notEqual(onRotated.handle, old);
      onRetired.handle = old;
      assert.equal(await onRetired.call('echo'), 'session.handle_invalid');
      onRetired.handle = onRotated.handle;
      assert.equal(await onRetired.call('echo'), 'tainted');
    });
  });
}
