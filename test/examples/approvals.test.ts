import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { POLICY, PORTS } from '../../examples/hr/company.ts';
import { startPolicyGateway, type PolicyGateway } from '../../examples/hr/gateway.ts';
import { startIssuer, type Issuer, type Persona } from '../../examples/hr/issuer.ts';
import type { McpEndpoint } from '../../examples/hr/serve-mcp.ts';
import { startHrServer } from '../../examples/hr/server.ts';
import { runCli } from '../support/run-cli.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

interface Replica {
  readonly gateway: PolicyGateway;
  readonly socket: string;
}

let issuer: Issuer;
let server: McpEndpoint;
let valkey: ValkeyServer;
let folder: string;
let replicas: readonly [Replica, Replica];
/** Both replicas read this clock. */
const clock = { ahead: 0 };

async function startReplica(name: string): Promise<Replica> {
  const written = await readFile(POLICY, 'utf8');
  const storage = `global:\n  transport_sessions: {kind: redis, addr: '${valkey.endpoint}'}\n`;
  const text = written.replaceAll(`http://127.0.0.1:${PORTS.issuer}`, issuer.url).replace('global:\n', storage);
  const socket = join(folder, `${name}.sock`);
  const gateway = await startPolicyGateway({
    policy: { name: POLICY, text },
    load: { baseDirectory: dirname(POLICY), now: () => Date.now() + clock.ahead },
    upstream: server.url,
    port: 0,
    approvals: socket,
  });
  return { gateway, socket };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-approvals-'));
  issuer = await startIssuer(0);
  server = await startHrServer(0);
  valkey = await ValkeyServer.start();
  replicas = [await startReplica('a'), await startReplica('b')];
});
after(async () => {
  for (const { gateway } of replicas) await gateway.close();
  await valkey.stop();
  await server.close();
  await issuer.close();
  await rm(folder, { recursive: true });
});

interface Raise {
  readonly id?: string;
  readonly peek?: true;
  readonly persona?: Persona;
  readonly amount?: number;
}

/** What comes of a raise at a replica: `raised`, or code and data of the JSON-RPC error. */
async function raise(
  { gateway }: Replica,
  { id, peek, persona = 'hanna', amount = 15_000 }: Raise = {},
): Promise<'raised' | { readonly code: number; readonly data: Readonly<Record<string, unknown>> }> {
  const headers = {
    ...(id === undefined ? {} : { 'X-Policy-Elicitation-Id': id }),
    ...(peek === undefined ? {} : { 'X-Policy-Elicitation-Peek': '1' }),
  };
  // Protocol 2026-07-28 knows no sessions, which would need the storage too.
  const client = new Client({ name: 'raises', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const authProvider = { token: () => issuer.sign(persona) };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(gateway.url), { authProvider, requestInit: { headers } }),
  );
  try {
    const called = { name: 'give_raise', arguments: { employee_id: 'E-100457', amount } };
    const { structuredContent } = await client.callTool(called);
    assert.deepEqual(structuredContent, { status: 'raised', employee_id: 'E-100457', amount });
    return 'raised';
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { code: error.code, data: Object(error.data) };
  } finally {
    await client.close();
  }
}

async function question(replica: Replica): Promise<string> {
  const asked = await raise(replica);
  assert.ok(asked !== 'raised' && asked.code === -32120, JSON.stringify(asked));
  return String(asked.data['elicitation_id']);
}

async function refusal(replica: Replica, call: Raise): Promise<unknown> {
  const outcome = await raise(replica, call);
  return outcome === 'raised' ? outcome : [outcome.code, outcome.data['violation']];
}

async function approvals(replica: Replica, ...args: readonly string[]): Promise<readonly [number, string]> {
  const { exitCode, stdout, stderr } = await runCli(['approvals', ...args, '--socket', replica.socket]);
  return [exitCode, stdout + stderr];
}

describe('a large raise, with two replicas that share a Valkey', () => {
  it('is asked for on one, approved on the other, and given once', async () => {
    const [a, b] = replicas;
    const id = await question(a);
    const [, listed] = await approvals(b, 'list');
    assert.match(listed, new RegExp(`^${id}\n  require_approval of mona, until \\S+Z\n`));
    assert.match(listed, /\n {2}hanna asks for tool:give_raise \{"employee_id":"E-100457","amount":15000\}\n/);
    assert.match(listed, /\n {2}a raise of 15000 for E-100457\n$/);
    assert.deepEqual(await refusal(b, { id, peek: true }), [-32120, undefined]);
    assert.deepEqual(await approvals(b, 'approve', id.slice(0, 8), '--as', 'hanna'), [
      1,
      'indelible: somebody else is asked: say who you are with `--as`\n',
    ]);
    assert.deepEqual(await approvals(b, 'approve', id.slice(0, 8), '--as', 'mona'), [0, 'approved as mona\n']);
    assert.deepEqual(await approvals(a, 'list'), [0, 'no question waits\n']);

    assert.deepEqual(await refusal(b, { id, peek: true }), [-32121, undefined]);
    assert.deepEqual(await refusal(b, { id, amount: 50_000 }), [-32001, 'elicitation.other_arguments']);
    assert.deepEqual(await refusal(a, { id, persona: 'henry' }), [-32001, 'elicitation.other_caller']);
    const outcomes = await Promise.all([refusal(a, { id }), refusal(b, { id }), refusal(a, { id })]);
    assert.deepEqual(
      outcomes.filter((outcome) => outcome === 'raised'),
      ['raised'],
    );
    assert.deepEqual(await refusal(b, { id }), [-32001, 'elicitation.used']);
  });

  it('is not given when the answer is no, or comes to be used too late', async () => {
    const [a, b] = replicas;
    const denied = await question(b);
    assert.deepEqual(await approvals(a, 'deny', denied, '--as', 'mona', '--text', 'not this year'), [
      0,
      'denied as mona\n',
    ]);
    assert.deepEqual(await refusal(a, { id: denied }), [-32001, 'elicitation.denied']);
    const late = await question(b);
    assert.deepEqual(await approvals(a, 'approve', late, '--as', 'mona'), [0, 'approved as mona\n']);
    clock.ahead += 900_000;
    assert.deepEqual(await refusal(a, { id: late }), [-32001, 'elicitation.expired']);
    clock.ahead = 0;
    assert.equal(await refusal(a, { id: late }), 'raised');
  });

  it('is asked for in vain while the storage is away', async () => {
    const [a] = replicas;
    const id = await question(a);
    await valkey.kill();
    assert.deepEqual(await refusal(a, { id }), [-32001, 'elicitation.unavailable']);
    await valkey.run();
  });
});

describe('approvals', () => {
  it('tells what it needs, and where nobody listens', async () => {
    const [a] = replicas;
    assert.deepEqual(await approvals(a, 'approve'), [
      2,
      'indelible: name the question; see `indelible approvals list`\n',
    ]);
    assert.deepEqual(await approvals(a, 'deny', 'x'), [2, 'indelible: say who answers with `--as NAME`\n']);
    const nowhere = join(folder, 'nowhere.sock');
    const { exitCode, stderr } = await runCli(['approvals', 'list', '--socket', nowhere]);
    assert.deepEqual([exitCode, stderr], [2, `indelible: \`${nowhere}\`: no such file or directory\n`]);
  });
});
