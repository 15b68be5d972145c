import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport as OldInMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer as OldMcpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { Server as OldServer } from '@modelcontextprotocol/sdk/server/index.js';
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { CallToolRequestSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { InMemoryTransport, Server, type McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { currentPolicy, enforce, type McpConnectable } from '../../src/adapters/mcp.ts';
import type { Alarm, Engine } from '../../src/index.ts';
import type { Peer } from '../support/http-peer.ts';
import { loadedEngine } from '../support/loaded-engine.ts';
import { connectOldPeer, connectPeer, type McpPeer } from '../support/mcp-peers.ts';
import { payrollServer, startSessionUpstream, startStatelessUpstream } from '../support/mcp-upstream.ts';
import { bearerIdentity, deny, pending, scriptedEngine, withArgs, withResult } from '../support/scripted-engine.ts';

const POLICY = `
routes:
  - tool: get_employee
    args: {id: str}
    result: {ssn: redact}
  - tool: echo
    args: {text: "str | mask(2)"}
  - prompt: greet
    result: {"[*].content.text": "str | redact"}
  - resource: note://today
    result: {"[*].text": redact}
`;

/** What a client gets for a denial: the JSON-RPC error, whichever SDK it is made with. */
async function refused(call: Promise<unknown>): Promise<{ code: number; data: Record<string, unknown> }> {
  try {
    await call;
  } catch (error) {
    return error as { code: number; data: Record<string, unknown> };
  }
  throw new Error('it was allowed');
}

function gateOf(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

interface Handled {
  readonly args: unknown[];
}

/** An enforced server and a client of it, linked in memory. */
async function linked(
  engine: Engine,
  register: (server: McpServer) => void = () => undefined,
  options: Parameters<typeof enforce>[2] = {},
): Promise<Client> {
  const server = enforce(payrollServer(), engine, options);
  register(server);
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
  await server.connect(serverSide);
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(clientSide);
  return client;
}

function recording(handled: Handled, name: string) {
  return (server: McpServer): void => {
    server.registerTool(name, { inputSchema: z.looseObject({}) }, (args) => {
      handled.args.push(args);
      return { content: [{ type: 'text', text: 'done' }] };
    });
  };
}

const servings: [string, () => Promise<Peer>, (url: string) => Promise<McpPeer>, string][] = [];
let engine: Engine;
let closeEngine: () => Promise<void>;
before(async () => {
  const loaded = await loadedEngine(POLICY);
  engine = loaded.engine;
  closeEngine = () => loaded.engine.close();
});
after(() => closeEngine());

const guardedServer = (): McpServer => enforce(payrollServer(), engine);
servings.push(
  [
    'sessions over SSE, current client',
    () => startSessionUpstream(false, guardedServer),
    (url) => connectPeer(url, 'legacy'),
    '2025-11-25',
  ],
  ['sessions over JSON, old client', () => startSessionUpstream(true, guardedServer), connectOldPeer, '2025-11-25'],
  [
    '2026-07-28 over JSON',
    () => startStatelessUpstream('auto', guardedServer),
    (url) => connectPeer(url, 'auto'),
    '2026-07-28',
  ],
  [
    '2026-07-28 over SSE',
    () => startStatelessUpstream('sse', guardedServer),
    (url) => connectPeer(url, 'auto'),
    '2026-07-28',
  ],
  ['stateless 2025, old client', () => startStatelessUpstream('auto', guardedServer), connectOldPeer, '2025-11-25'],
);

for (const [what, start, connect, version] of servings) {
  describe(`an enforced server: ${what}`, () => {
    let upstream: Peer;
    let peer: McpPeer;
    before(async () => {
      upstream = await start();
      peer = await connect(upstream.url);
    });
    after(async () => {
      await peer.close();
      await upstream.close();
    });

    it('speaks the protocol version', () => assert.equal(peer.protocolVersion, version));

    it('changes structured content and the text that mirrors it', async () => {
      const result = (await peer.call({ kind: 'tool', name: 'get_employee', arguments: { id: 'E-1' } })) as {
        structuredContent: unknown;
        content: { text: string }[];
      };
      const employee = { id: 'E-1', ssn: '[REDACTED]', salary: 100 };
      assert.deepEqual(result.structuredContent, employee);
      assert.deepEqual(JSON.parse(result.content[0]?.text ?? ''), employee);
    });

    it('gives the handler the arguments that policy made', async () => {
      const result = await peer.call({ kind: 'tool', name: 'echo', arguments: { text: 'secret' } });
      assert.match(JSON.stringify(result), /"text":"\*+et"/);
    });

    it('answers a denial with the error of the gateway', async () => {
      const error = await refused(peer.call({ kind: 'tool', name: 'delete_everything' }));
      assert.equal(error.code, -32001);
      assert.equal(error.data['violation'], 'route.unmatched');
      const wrong = await refused(peer.call({ kind: 'tool', name: 'get_employee', arguments: { id: [1] } }));
      assert.equal(wrong.data['violation'], 'routes.tool:get_employee.args.id');
    });

    it('decides on prompts and resources', async () => {
      const prompt = (await peer.call({ kind: 'prompt', name: 'greet', arguments: { name: 'Jo' } })) as {
        messages: unknown[];
      };
      assert.match(JSON.stringify(prompt.messages), /\[REDACTED\]/);
      const resource = (await peer.call({ kind: 'resource', uri: 'note://today' })) as { contents: { text: string }[] };
      assert.equal(resource.contents[0]?.text, '[REDACTED]');
    });

    it('leaves other methods alone', async () => {
      const { tools } = (await peer.call({ kind: 'list', what: 'tools' })) as { tools: unknown[] };
      assert.equal(tools.length, 2);
    });
  });
}

describe('a server in the same process', () => {
  it('is guarded for tools registered after enforce and after connect', async () => {
    const handled: Handled = { args: [] };
    const script = scriptedEngine({ pre: ({ entity }) => (entity.name === 'late' ? deny('no.late') : {}) });
    let made: McpServer | undefined;
    const client = await linked(script, (server) => (made = server));
    assert.ok(made);
    recording(handled, 'late')(made);
    assert.equal((await refused(client.callTool({ name: 'late', arguments: {} }))).data['violation'], 'no.late');
    assert.deepEqual(handled.args, []);
    await client.close();
  });

  it('tells a pending question apart from a denial', async () => {
    const script = scriptedEngine({ pre: () => pending({ elicitation_id: 'q-1', plugin: 'ciba', approver: 'boss' }) });
    const client = await linked(script);
    const error = await refused(client.callTool({ name: 'echo', arguments: { text: 'x' } }));
    assert.equal(error.code, -32120);
    assert.deepEqual(error.data, { elicitation_id: 'q-1', approver: 'boss' });
    await client.close();
  });

  it('gives the handler what policy found out', async () => {
    const seen: unknown[] = [];
    const script = scriptedEngine({
      pre: () => ({ delegatedTokens: [{ token: 'minted', header: 'authorization' }] }),
    });
    const client = await linked(script, (server) => {
      server.registerTool('who', {}, async () => {
        await Promise.resolve();
        seen.push(currentPolicy()?.decision.delegatedTokens?.[0]?.token, currentPolicy()?.entity.name);
        return { content: [] };
      });
    });
    await client.callTool({ name: 'who', arguments: {} });
    assert.deepEqual(seen, ['minted', 'who']);
    assert.equal(currentPolicy(), undefined);
    await client.close();
  });

  it('knows whom the transport authenticated, and what the host adds', async () => {
    const script = scriptedEngine({ identify: bearerIdentity });
    const server = enforce(payrollServer(), script, {
      extensions: ({ authInfo, sessionId }) => ({
        subject: { id: 'from-host' },
        agent: { agent_id: `${authInfo?.clientId}/${sessionId}` },
      }),
    });
    const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
    serverSide.sessionId = 'session-1';
    const authInfo = { token: 'ann', clientId: 'app', scopes: ['read'] };
    const send = clientSide.send.bind(clientSide);
    clientSide.send = (message, options) => send(message, { ...options, authInfo });
    await server.connect(serverSide);
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(clientSide);
    await client.callTool({ name: 'echo', arguments: { text: 'x' } });
    assert.deepEqual(script.preCalls[0]?.extensions, {
      client: { client_id: 'app', authorized_scopes: ['read'] },
      subject: { id: 'ann', issuer: 'test' },
      agent: { session_id: 'session-1', agent_id: 'app/session-1' },
      mcp: { tool: { name: 'echo' } },
    });
    await client.close();
  });

  it('labels the transport session', async () => {
    const { engine: labels } = await loadedEngine(`
routes:
  - {tool: get_employee, pre_invocation: ['taint(secret)']}
  - {tool: echo, pre_invocation: ["security.labels contains 'secret': deny('no', 'mail.secret')"]}
`);
    const guarded = (): McpServer =>
      enforce(payrollServer(), labels, { extensions: () => ({ subject: { id: 'ann' } }) });
    const upstream = await startSessionUpstream(false, guarded);
    const [first, second] = [await connectPeer(upstream.url, 'legacy'), await connectPeer(upstream.url, 'legacy')];
    const echo = { kind: 'tool', name: 'echo', arguments: { text: 'x' } } as const;
    await first.call({ kind: 'tool', name: 'get_employee', arguments: { id: 'E-1' } });
    assert.equal((await refused(first.call(echo))).data['violation'], 'mail.secret');
    assert.ok(await second.call(echo));
    await first.close();
    await second.close();
    await upstream.close();
    await labels.close();
  });

  it('takes identity and request headers from the HTTP request, without credentials for policy', async () => {
    const script = scriptedEngine({ identify: bearerIdentity });
    const upstream = await startStatelessUpstream('auto', () => enforce(payrollServer(), script));
    const call = (authorization: string): Promise<Response> =>
      fetch(upstream.url, {
        method: 'POST',
        headers: {
          authorization,
          'x-team': 'blue',
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name: 'echo', arguments: { text: 'x' } },
        }),
      });
    assert.match(await (await call('Bearer bad')).text(), /-32001.*not authenticated.*auth\.invalid_token/);
    assert.equal(script.preCalls.length, 0);
    assert.match(await (await call('Bearer ann')).text(), /"text":"x"/);
    const extensions = script.preCalls[0]?.extensions;
    assert.equal(extensions?.subject?.id, 'ann');
    assert.equal(extensions?.http?.request_headers?.['x-team'], 'blue');
    assert.equal(extensions?.http?.request_headers?.['authorization'], undefined);
    assert.equal(extensions?.http?.path, '/mcp');
    assert.equal(extensions?.agent, undefined);
    await upstream.close();
  });
});

describe('what policy does not mediate', () => {
  it('is answered with the same HTTP status and text', async () => {
    const request = (url: string, method: string): Promise<Response> =>
      fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': method,
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method,
          params: {
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          },
        }),
      });
    const bare = await startStatelessUpstream();
    const guarded = await startStatelessUpstream('auto', guardedServer);
    for (const [method, status] of [
      ['no/such-method', 404],
      ['tools/list', 200],
    ] as const) {
      const [expected, actual] = [await request(bare.url, method), await request(guarded.url, method)];
      assert.deepEqual([actual.status, await actual.text()], [expected.status, await expected.text()]);
      assert.equal(actual.status, status);
    }
    await bare.close();
    await guarded.close();
  });
});

describe('what fails is denied', () => {
  const handled: Handled = { args: [] };
  const failures: readonly [string, Partial<Engine>, string][] = [
    [
      'the engine throws',
      {
        pre: () => {
          throw new Error('boom');
        },
      },
      'gateway.engine_failure',
    ],
    ['the engine rejects', { pre: () => Promise.reject(new Error('boom')) }, 'gateway.engine_failure'],
    ['identification rejects', { identify: () => Promise.reject(new Error('boom')) }, 'gateway.engine_failure'],
  ];
  for (const [what, broken, violation] of failures) {
    it(what, async () => {
      const client = await linked({ ...scriptedEngine(), ...broken }, recording(handled, 'run'));
      assert.equal((await refused(client.callTool({ name: 'run', arguments: {} }))).data['violation'], violation);
      assert.deepEqual(handled.args, []);
      await client.close();
    });
  }

  it('the host’s function throws', async () => {
    const raised: Alarm[] = [];
    const extensions = (): never => {
      throw new Error('boom');
    };
    const client = await linked(scriptedEngine(), recording(handled, 'run'), {
      extensions,
      alarm: (alarm) => raised.push(alarm),
    });
    const error = await refused(client.callTool({ name: 'run', arguments: {} }));
    assert.equal(error.data['violation'], 'gateway.engine_failure');
    assert.deepEqual(handled.args, []);
    assert.deepEqual(
      raised.map(({ alarm }) => alarm),
      ['adapter_failure'],
    );
    await client.close();
  });

  it('the engine is closed', async () => {
    const { engine: closed } = await loadedEngine('routes: [{tool: run}]');
    await closed.close();
    const client = await linked(closed, recording(handled, 'run'));
    const error = await refused(client.callTool({ name: 'run', arguments: {} }));
    assert.equal(error.data['violation'], 'engine.closed');
    assert.deepEqual(handled.args, []);
    await client.close();
  });

  it('the decision on the result throws, or has no place in it', async () => {
    const results: readonly [Partial<Engine>, string][] = [
      [
        {
          post: () => {
            throw new Error('boom');
          },
        },
        'gateway.engine_failure',
      ],
      [scriptedEngine({ post: () => withResult(['no', 'object']) }), 'gateway.result_unwritable'],
      [scriptedEngine({ post: () => deny('no.result') }), 'no.result'],
    ];
    for (const [broken, violation] of results) {
      const client = await linked({ ...scriptedEngine(), ...broken });
      const error = await refused(client.callTool({ name: 'get_employee', arguments: { id: 'E-1' } }));
      assert.equal(error.data['violation'], violation);
      await client.close();
    }
  });

  it('changed arguments have no place in the request', async () => {
    for (const args of [['no', 'object'], { uri: 'note://today', more: 1 }]) {
      const client = await linked(scriptedEngine({ pre: () => withArgs(args) }));
      const error = await refused(client.readResource({ uri: 'note://today' }));
      assert.equal(error.data['violation'], 'gateway.arguments_unwritable');
      await client.close();
    }
  });

  it('the result is no JSON', async () => {
    const server = enforce(
      new Server({ name: 'raw', version: '1.0.0' }, { capabilities: { tools: {} } }),
      scriptedEngine(),
    );
    server.setRequestHandler('tools/call', () => ({ content: [{ type: 'text', text: 'x' }], _meta: { n: 1n } }));
    const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
    await server.connect(serverSide);
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(clientSide);
    const error = await refused(client.callTool({ name: 'run', arguments: {} }));
    assert.equal(error.data['violation'], 'gateway.engine_failure');
    await client.close();
  });

  it('a text that readers may read differently is not sent on', async () => {
    const client = await linked(scriptedEngine(), (server) =>
      server.registerTool('twice', {}, () => ({ content: [{ type: 'text', text: '{"ssn":"1","ssn":"2"}' }] })),
    );
    const error = await refused(client.callTool({ name: 'twice', arguments: {} }));
    assert.equal(error.code, -32004);
    await client.close();
  });

  it('a server can be enforced once, and only before it is connected', async () => {
    const server = enforce(payrollServer(), scriptedEngine());
    assert.throws(() => enforce(server, scriptedEngine()), /enforced already/);
    const connected = payrollServer();
    const [, serverSide] = InMemoryTransport.createLinkedPair();
    await connected.connect(serverSide);
    assert.throws(() => enforce(connected, scriptedEngine()), /connected already/);
    assert.throws(() => enforce({} as McpConnectable, scriptedEngine()), TypeError);
    await assert.rejects(server.connect({} as never), TypeError);
    await connected.close();
  });
});

/** A server under a raw transport: what the test writes is what arrives. */
async function rawLink(engine_: Engine, server = payrollServer()) {
  enforce(server, engine_);
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
  const arrived: Record<string, unknown>[] = [];
  const waiters: (() => void)[] = [];
  const onmessage = (message: Record<string, unknown>): void => {
    arrived.push(message);
    for (const wake of waiters.splice(0)) wake();
  };
  Object.assign(clientSide, { onmessage });
  await clientSide.start();
  await server.connect(serverSide);
  const until = async (count: number): Promise<void> => {
    while (arrived.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  const send = (message: object): Promise<void> => clientSide.send({ jsonrpc: '2.0', ...message } as never);
  await send({
    id: 'init',
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
  });
  await until(1);
  arrived.length = 0;
  return { send, until, arrived, close: () => server.close() };
}

describe('messages that no well-behaved client sends', () => {
  const call = (id: unknown, name = 'echo', more = {}): object => ({
    id,
    method: 'tools/call',
    params: { name, arguments: { text: 'x' }, ...more },
  });
  const codeOf = (message: Record<string, unknown> | undefined): unknown =>
    (message?.['error'] as Record<string, unknown> | undefined)?.['code'];

  it('a method in another case, params without a name, keys that can be mistaken', async () => {
    const script = scriptedEngine();
    const link = await rawLink(script);
    await link.send({ ...call(1), method: 'Tools/Call' });
    await link.send({ id: 2, method: 'tools/call', params: { arguments: {} } });
    await link.send(call(3, 'echo', { Name: 'other' }));
    await link.send({ id: 4, method: 'tools/call' });
    await link.send({ id: 5, method: 'tools/call', params: { name: 'echo', arguments: { at: new Date(0) } } });
    await link.until(5);
    assert.deepEqual(link.arrived.map(codeOf).toSorted(), [-32600, -32602, -32602, -32602, -32602]);
    assert.equal(script.preCalls.length, 0);
    await link.close();
  });

  it('a request under an id that waits for its response', async () => {
    const gate = gateOf();
    const link = await rawLink(
      scriptedEngine({
        pre: async () => {
          await gate.opened;
          return {};
        },
      }),
    );
    await link.send(call(1));
    await link.send(call(1, 'get_employee'));
    await link.until(1);
    assert.equal(codeOf(link.arrived[0]), -32600);
    gate.open();
    await link.until(2);
    assert.ok(link.arrived[1]?.['result']);
    await link.close();
  });

  it('a request that is cancelled before it is decided does not reach its handler', async () => {
    const gate = gateOf();
    const handled: Handled = { args: [] };
    const server = payrollServer();
    recording(handled, 'run')(server);
    const script = scriptedEngine({
      pre: async ({ entity }) => {
        if (entity.name === 'run') await gate.opened;
        return {};
      },
    });
    const link = await rawLink(script, server);
    await link.send(call(1, 'run'));
    await link.send({ method: 'notifications/cancelled', params: { requestId: 1 } });
    gate.open();
    await link.send(call(2));
    await link.until(1);
    assert.equal(link.arrived[0]?.['id'], 2);
    assert.deepEqual(handled.args, []);
    await link.close();
  });

  it('a request whose connection is gone when it is decided does not reach its handler', async () => {
    const gate = gateOf();
    const decided = gateOf();
    const handled: Handled = { args: [] };
    const server = payrollServer();
    recording(handled, 'run')(server);
    const script = scriptedEngine({
      pre: async () => {
        await gate.opened;
        setImmediate(decided.open);
        return {};
      },
    });
    const link = await rawLink(script, server);
    await link.send(call(1, 'run'));
    await link.close();
    gate.open();
    await decided.opened;
    assert.equal(script.preCalls.length, 1);
    assert.deepEqual(handled.args, []);
  });

  it('the id of a cancelled request cannot be taken for another operation', async () => {
    const started = gateOf();
    const finish = gateOf();
    const server = payrollServer();
    server.registerTool('slow', {}, async () => {
      started.open();
      await finish.opened;
      return { content: [{ type: 'text', text: 'secret of slow' }] };
    });
    const link = await rawLink(scriptedEngine(), server);
    await link.send({ id: 1, method: 'tools/call', params: { name: 'slow', arguments: {} } });
    await started.opened;
    await link.send({ method: 'notifications/cancelled', params: { requestId: 1, reason: 5 } });
    await link.send({ method: 'notifications/cancelled', params: { requestId: 1 } });
    await link.send(call(1));
    finish.open();
    await link.send(call(2));
    await link.until(2);
    assert.deepEqual(link.arrived.map(codeOf), [-32600, undefined]);
    assert.doesNotMatch(JSON.stringify(link.arrived), /secret of slow/);
    await link.close();
  });

  it('a notification cannot tell the result of a task', async () => {
    const server = payrollServer();
    const link = await rawLink(scriptedEngine(), server);
    const { transport } = server.server;
    const told = { jsonrpc: '2.0', method: 'notifications/tasks/status' } as const;
    await transport?.send({ ...told, params: { taskId: 't-1', result: { ssn: '123' } } });
    await transport?.send({ ...told, params: { taskId: 't-1' } });
    assert.deepEqual(link.arrived, [{ ...told, params: { taskId: 't-1' } }]);
    await link.close();
  });

  it('a task that nobody began', async () => {
    const link = await rawLink(scriptedEngine());
    await link.send({ id: 1, method: 'tasks/result', params: { taskId: 't-1' } });
    await link.until(1);
    assert.equal(codeOf(link.arrived[0]), -32602);
    await link.close();
  });
});

describe('servers of the old SDK', () => {
  async function linkedOld(server: OldMcpServer | OldServer): Promise<OldClient> {
    const [clientSide, serverSide] = OldInMemoryTransport.createLinkedPair();
    await server.connect(serverSide);
    const client = new OldClient({ name: 'test', version: '1.0.0' });
    await client.connect(clientSide);
    return client;
  }

  it('McpServer', async () => {
    const server = enforce(new OldMcpServer({ name: 'old', version: '1.0.0' }), engine);
    server.registerTool('get_employee', { inputSchema: { id: z.string() } }, ({ id }) => ({
      content: [{ type: 'text', text: JSON.stringify({ id, ssn: '1' }) }],
    }));
    server.registerTool('pay', {}, () => ({ content: [] }));
    const client = await linkedOld(server);
    const result = await client.callTool({ name: 'get_employee', arguments: { id: 'E-1' } });
    assert.deepEqual(result['content'], [{ type: 'text', text: '{"id":"E-1","ssn":"[REDACTED]"}' }]);
    assert.equal((await refused(client.callTool({ name: 'pay' }))).code, -32001);
    await client.close();
  });

  it('McpServer with tasks: what is fetched later is decided as the call', async () => {
    const store = new InMemoryTaskStore();
    const server = enforce(
      new OldMcpServer(
        { name: 'old', version: '1.0.0' },
        { capabilities: { tasks: { requests: { tools: { call: {} } } } }, taskStore: store },
      ),
      engine,
    );
    server.experimental.tasks.registerToolTask(
      'get_employee',
      { inputSchema: { id: z.string() }, execution: { taskSupport: 'required' } },
      {
        createTask: async ({ id }, { taskStore }) => {
          const task = await taskStore.createTask({ ttl: 60_000 });
          const content = [{ type: 'text' as const, text: JSON.stringify({ id, ssn: '123-45-6789' }) }];
          await taskStore.storeTaskResult(task.taskId, 'completed', { content });
          return { task };
        },
        getTask: (_, { taskStore, taskId }) => taskStore.getTask(taskId),
        getTaskResult: async (_, { taskStore, taskId }) => (await taskStore.getTaskResult(taskId)) as CallToolResult,
      },
    );
    const client = await linkedOld(server);
    await client.listTools();
    const told: unknown[] = [];
    const call = { name: 'get_employee', arguments: { id: 'E-1' } };
    for await (const message of client.experimental.tasks.callToolStream(call, undefined, { task: { ttl: 60_000 } })) {
      told.push(message);
    }
    assert.match(JSON.stringify(told.at(-1)), /"type":"result".*\[REDACTED\]/);
    assert.doesNotMatch(JSON.stringify(told), /123-45-6789/);
    await client.close();
    store.cleanup();
  });

  it('Server, also with a handler for whatever has none', async () => {
    const server = enforce(new OldServer({ name: 'old', version: '1.0.0' }, { capabilities: { tools: {} } }), engine);
    server.fallbackRequestHandler = () => Promise.resolve({ content: [{ type: 'text', text: 'ran' }] });
    const client = await linkedOld(server);
    assert.equal((await refused(client.callTool({ name: 'pay' }))).code, -32001);
    server.setRequestHandler(CallToolRequestSchema, () => ({ content: [{ type: 'text', text: 'ran' }] }));
    assert.equal((await refused(client.callTool({ name: 'pay' }))).code, -32001);
    await client.close();
  });
});
