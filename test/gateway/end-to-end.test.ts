import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { isJsonObject } from '../../src/gateway/json/json-value.ts';
import type { Operation, JsonValue } from '../../src/engine/operation.ts';
import { startSessionUpstream, startStatelessUpstream } from '../support/mcp-upstream.ts';
import { startGateway } from '../support/running-gateway.ts';
import type { RunningGateway } from '../support/running-gateway.ts';
import { deny, withArgs, withResult } from '../support/scripted-engine.ts';
import type { EngineScript } from '../support/scripted-engine.ts';

/** Redacts SSNs, upper-cases what is echoed, denies an employee by number and a text on its way out. */
const script: EngineScript = {
  pre({ entity, args }: Operation) {
    if (!isJsonObject(args)) return {};
    if (args['id'] === '13') return deny('payroll.forbidden', 'not this one');
    const { text } = args;
    return entity.name === 'echo' && typeof text === 'string' ? withArgs({ text: text.toUpperCase() }) : {};
  },
  post(_: Operation, result: JsonValue | undefined) {
    if (result === 'SECRET') return deny('echo.secret', 'not to leave');
    return isJsonObject(result) && 'ssn' in result ? withResult({ ...result, ssn: '[REDACTED]' }) : {};
  },
};

const upstreams = {
  'sessions, event streams': () => startSessionUpstream(),
  'sessions, JSON': () => startSessionUpstream(true),
  'stateless, JSON': () => startStatelessUpstream(),
  'stateless, event streams': () => startStatelessUpstream('sse'),
};

const clients = {
  'client 2, legacy': async (url: string) => {
    const client = new Client({ name: 't', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    return client;
  },
  'client 2, negotiating': async (url: string) => {
    const client = new Client({ name: 't', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    return client;
  },
  'client 1': async (url: string) => {
    const client = new OldClient({ name: 't', version: '1' });
    await client.connect(new OldTransport(new URL(url)));
    return client;
  },
};

for (const [upstreamName, startUpstream] of Object.entries(upstreams)) {
  const upstream = await startUpstream();
  const running: RunningGateway = await startGateway(upstream.url, script);
  after(async () => {
    await running.gateway.close();
    await upstream.close();
  });

  for (const [clientName, connect] of Object.entries(clients)) {
    void test(`${clientName} to upstream with ${upstreamName}`, async () => {
      const client = await connect(running.url);
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name).toSorted(), ['echo', 'get_employee']);

      const employee = await client.callTool({ name: 'get_employee', arguments: { id: '7' } });
      const redacted = { id: '7', ssn: '[REDACTED]', salary: 100 };
      assert.deepEqual(employee.structuredContent, redacted);
      assert.deepEqual(employee.content, [{ type: 'text', text: JSON.stringify(redacted) }]);

      await assert.rejects(client.callTool({ name: 'get_employee', arguments: { id: '13' } }), { code: -32001 });
      await assert.rejects(client.callTool({ name: 'echo', arguments: { text: 'secret' } }), (error: unknown) => {
        assert.ok(error instanceof Error && 'data' in error);
        assert.deepEqual(error.data, { violation: 'echo.secret', reason: 'not to leave', details: {} });
        return true;
      });

      const echoed = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
      assert.deepEqual(echoed.content, [{ type: 'text', text: 'HELLO' }]);
      const prompt = await client.getPrompt({ name: 'greet', arguments: { name: 'Ann' } });
      assert.deepEqual(prompt.messages[0]?.content, { type: 'text', text: 'Hello Ann' });
      const note = await client.readResource({ uri: 'note://today' });
      assert.deepEqual(note.contents, [{ uri: 'note://today', text: 'buy milk' }]);
      await client.close();
      const modern = upstream.requests.some(({ headers }) => headers['mcp-name'] === 'get_employee');
      if (clientName === 'client 2, negotiating') assert.equal(modern, upstreamName.startsWith('stateless'));
    });
  }
}
