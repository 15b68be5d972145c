import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startConformanceServer } from '../support/conformance-server.ts';
import { startEverythingServer } from '../support/everything-server.ts';
import { connectOldPeer, connectPeer, type McpPeer, type PeerCall } from '../support/mcp-peers.ts';
import type { RunningServer } from '../support/running-server.ts';
import { startGateway } from '../support/start-gateway.ts';

const LISTS: readonly PeerCall[] = [
  { kind: 'list', what: 'tools' },
  { kind: 'list', what: 'prompts' },
  { kind: 'list', what: 'resources' },
  { kind: 'list', what: 'resource templates' },
];

const UPSTREAMS: readonly {
  readonly name: string;
  readonly start: () => Promise<RunningServer>;
  /** What it negotiates with a client that offers 2026-07-28. */
  readonly newest: string;
  readonly calls: readonly PeerCall[];
  readonly failingCalls: readonly PeerCall[];
}[] = [
  {
    name: 'the conformance fixture',
    start: startConformanceServer,
    newest: '2026-07-28',
    calls: [
      ...LISTS,
      { kind: 'tool', name: 'test_simple_text' },
      { kind: 'tool', name: 'test_multiple_content_types' },
      { kind: 'tool', name: 'test_audio_content' },
      { kind: 'tool', name: 'test_tool_with_logging' },
      { kind: 'tool', name: 'test_tool_with_progress' },
      { kind: 'tool', name: 'test_sampling', arguments: { prompt: 'Say "ü𝄞"' } },
      { kind: 'tool', name: 'test_elicitation', arguments: { message: 'Who are you?' } },
      { kind: 'tool', name: 'test_custom_header', arguments: { region: 'Zürich' } },
      { kind: 'prompt', name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } },
      { kind: 'prompt', name: 'test_prompt_with_image' },
      { kind: 'resource', uri: 'test://static-text' },
      { kind: 'resource', uri: 'test://static-binary' },
      { kind: 'resource', uri: 'test://template/123/data' },
    ],
    failingCalls: [
      { kind: 'tool', name: 'test_error_handling' },
      { kind: 'tool', name: 'no_such_tool' },
      { kind: 'resource', uri: 'test://none' },
    ],
  },
  {
    name: 'server-everything',
    start: startEverythingServer,
    newest: '2025-11-25',
    calls: [
      ...LISTS,
      { kind: 'tool', name: 'echo', arguments: { message: 'hello' } },
      { kind: 'tool', name: 'get-sum', arguments: { a: 2, b: 3 } },
      { kind: 'tool', name: 'get-structured-content', arguments: { location: 'Chicago' } },
      { kind: 'tool', name: 'get-tiny-image' },
      { kind: 'tool', name: 'trigger-long-running-operation', arguments: { duration: 0.1, steps: 2 } },
      { kind: 'tool', name: 'trigger-sampling-request', arguments: { prompt: 'Say something' } },
      { kind: 'tool', name: 'trigger-elicitation-request' },
      { kind: 'prompt', name: 'simple-prompt' },
      { kind: 'prompt', name: 'args-prompt', arguments: { city: 'Bern' } },
    ],
    failingCalls: [
      { kind: 'tool', name: 'echo', arguments: {} },
      { kind: 'tool', name: 'no-such-tool' },
    ],
  },
];

interface Transcript {
  readonly protocolVersion: string | undefined;
  readonly answers: readonly unknown[];
  /** Calls that were answered with a JSON-RPC error or with a result that says so. */
  readonly failed: readonly PeerCall[];
  readonly notifications: readonly unknown[];
}

/** Makes the calls one after the other and writes down what comes back. */
async function play(peer: McpPeer, calls: readonly PeerCall[]): Promise<Transcript> {
  const answers: unknown[] = [];
  const failed: PeerCall[] = [];
  for (const call of calls) {
    try {
      const result = await peer.call(call);
      answers.push(result);
      if (typeof result === 'object' && result !== null && 'isError' in result && result.isError === true)
        failed.push(call);
    } catch (error) {
      assert.ok(error instanceof Error);
      answers.push({ code: 'code' in error ? error.code : undefined, message: error.message });
      failed.push(call);
    }
  }
  const { protocolVersion, notifications } = peer;
  await peer.close();
  return { protocolVersion, answers, failed, notifications };
}

for (const { name, start, newest, calls, failingCalls } of UPSTREAMS) {
  const clients: readonly [string, string, (url: string) => Promise<McpPeer>][] = [
    ['a client of the old SDK', '2025-11-25', connectOldPeer],
    ['a current client in a session', '2025-11-25', (url) => connectPeer(url, 'legacy')],
    ['a current client that negotiates', newest, (url) => connectPeer(url, 'auto')],
  ];

  describe(`through a gateway to ${name}`, () => {
    let upstream: RunningServer;
    let gateway: RunningServer;
    before(async () => {
      upstream = await start();
      gateway = await startGateway(upstream.url);
    });
    after(async () => {
      await gateway.close();
      await upstream.close();
    });

    for (const [who, version, connect] of clients) {
      it(`${who} sees what it sees directly`, async () => {
        const all = [...calls, ...failingCalls];
        const direct = await play(await connect(upstream.url), all);
        assert.equal(direct.protocolVersion, version);
        assert.deepEqual(direct.failed, failingCalls);
        assert.ok(direct.notifications.length > 0);
        assert.deepEqual(await play(await connect(gateway.url), all), direct);
      });
    }
  });
}
