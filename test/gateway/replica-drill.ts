import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { inspect } from 'node:util';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Agent, setGlobalDispatcher } from 'undici';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { post, toolCall, type Peer } from '../support/http-peer.ts';
import { startIssuer, type TestIssuer } from '../support/issuer.ts';
import { startSessionUpstream } from '../support/mcp-upstream.ts';
import { startRoundRobin } from '../support/round-robin.ts';
import { ServedGateway } from '../support/served-gateway.ts';
import { freePort, ValkeyServer } from '../support/valkey-server.ts';

export interface ReplicaDrillSize {
  /** MCP clients at the same time, each a subject of its own. */
  readonly clients: number;
  readonly callsOfEach: number;
}

const REPLICAS = 3;
/** A call whose answer was cut in the middle of a stream waits so long. Milliseconds. */
const CALL_LIMIT = 120_000;
/** Clients that connect at the same time; all are in one process, whose sockets have to be opened in time. */
const CONNECT_AT_ONCE = 20;

/**
 * Many clients call through three replicas behind a load balancer without stickiness; one replica is killed and started
 * again in the middle. Every call is answered rightly, or with an error of the replica that died and then answered when
 * it is repeated; all sessions go on, and none serves another subject.
 */
export function replicaDrill({ clients, callsOfEach }: ReplicaDrillSize): void {
  test(`${clients} clients, ${callsOfEach} calls each, through ${REPLICAS} replicas of which one dies`, async (t) => {
    const { balancer, issuer, upstream, ports, killFirst } = await deploy(t);
    const subjects = Array.from({ length: clients }, (_, index) => `subject-${index}`);
    const started = performance.now();
    const callers: Caller[] = [];
    while (callers.length < clients) {
      const next = subjects.slice(callers.length, callers.length + CONNECT_AT_ONCE);
      callers.push(...(await Promise.all(next.map((subject) => Caller.connect(balancer.url, issuer, subject)))));
    }
    // Connections that every client keeps from now on, so that none waits for one while others call and call.
    await Promise.all(callers.map((caller) => caller.callAll(1, new Progress(0))));
    const connected = performance.now();

    const total = clients * callsOfEach;
    const progress = new Progress(Math.floor(total / 2));
    const work = Promise.all(callers.map((caller) => caller.callAll(callsOfEach, progress)));
    await Promise.race([progress.half, work]);
    await killFirst();
    await work;
    const ended = performance.now();
    await Promise.all(callers.map((caller) => caller.callAll(1, new Progress(0))));

    const failures = callers.flatMap((caller) => caller.failures);
    assert.ok(failures.length <= balancer.lost(), `${balancer.lost()} requests were lost, but: ${failures.join('; ')}`);
    assert.equal(progress.answered, total);
    assertNoSessionCrosses(upstream);
    await assertForeignSessionsAreUnknown(callers, ports, upstream);
    for (const port of ports) assert.ok((balancer.served.get(port) ?? 0) > 0, `the replica at ${port} served nothing`);

    const seconds = (ended - connected) / 1000;
    t.diagnostic(
      `${clients} sessions opened in ${((connected - started) / 1000).toFixed(1)} s; ${total} calls in ` +
        `${seconds.toFixed(1)} s (${Math.round(total / seconds)} a second); ${failures.length} calls failed with the ` +
        `replica and were repeated; requests by replica: ${[...balancer.served.values()].join(', ')}`,
    );
    await Promise.all(callers.map((caller) => caller.close()));
  });
}

interface Deployment {
  readonly balancer: Awaited<ReturnType<typeof startRoundRobin>>;
  readonly issuer: TestIssuer;
  readonly upstream: Peer;
  readonly ports: readonly number[];
  /** Ends the first replica as a crash would, and starts it again. */
  readonly killFirst: () => Promise<void>;
}

async function deploy(t: TestContext): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-replicas-'));
  const [store, issuer, upstream] = await Promise.all([ValkeyServer.start(), startIssuer(), startSessionUpstream()]);
  const bundle = join(folder, 'policy.yaml');
  writeFileSync(bundle, policyOf(store, issuer));
  const ports = await Promise.all(Array.from({ length: REPLICAS }, () => freePort()));
  const start = (port: number): ServedGateway =>
    new ServedGateway([bundle, '--upstream', upstream.url, '--listen', `127.0.0.1:${port}`, '--log-level', 'warn']);
  const replicas = ports.map(start);
  const balancer = await startRoundRobin(ports);
  t.after(async () => {
    await balancer.close();
    for (const replica of replicas) await replica.end('SIGKILL');
    await Promise.all([upstream.close(), issuer.close(), store.stop()]);
    rmSync(folder, { recursive: true });
  });
  await Promise.all(replicas.map((replica) => replica.url()));
  return {
    balancer,
    issuer,
    upstream,
    ports,
    killFirst: async () => {
      const [port = 0] = ports;
      await replicas[0]?.end('SIGKILL');
      replicas[0] = start(port);
      await replicas[0].url();
    },
  };
}

function policyOf(store: ValkeyServer, issuer: TestIssuer): string {
  const trusted = {
    issuer: issuer.issuer,
    audiences: ['gateway'],
    algorithms: ['ES256'],
    decoding_key: { kind: 'jwks_url', url: issuer.keySetUrl, insecure_http: true },
  };
  const limits = { dial_timeout_ms: 10_000, read_timeout_ms: 20_000, write_timeout_ms: 20_000 };
  const config = { role: 'user', header: 'Authorization', trusted_issuers: [trusted] };
  return JSON.stringify({
    plugin_settings: { routing_enabled: true },
    global: {
      authentication: ['tokens'],
      transport_sessions: { kind: 'redis', addr: store.endpoint, ...limits },
    },
    plugins: [{ name: 'tokens', kind: 'identity/jwt', hooks: ['identity.resolve'], config }],
    routes: [{ tool: 'echo', pre_invocation: ['require(authenticated)'] }],
  });
}

class Progress {
  answered = 0;
  /** Resolves once half of the calls are answered. */
  readonly half: Promise<void>;
  readonly #halfOf: number;
  #reached: () => void = () => undefined;

  constructor(halfOf: number) {
    this.#halfOf = halfOf;
    this.half = new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  count(): void {
    this.answered += 1;
    if (this.answered === this.#halfOf) this.#reached();
  }
}

// All clients are in this process, beside balancer and upstream: on a busy machine a connection takes its time.
setGlobalDispatcher(
  new Agent({ connect: { timeout: 120_000 }, headersTimeout: 120_000, bodyTimeout: 0, keepAliveTimeout: 600_000 }),
);

/** One subject's MCP client. */
class Caller {
  readonly subject: string;
  readonly authorization: string;
  readonly failures: string[] = [];
  readonly #client: Client;
  readonly #transport: StreamableHTTPClientTransport;

  private constructor(
    subject: string,
    authorization: string,
    client: Client,
    transport: StreamableHTTPClientTransport,
  ) {
    this.subject = subject;
    this.authorization = authorization;
    this.#client = client;
    this.#transport = transport;
  }

  static async connect(url: string, issuer: TestIssuer, subject: string): Promise<Caller> {
    const token = await issuer.sign({ sub: subject, aud: 'gateway', exp: Math.floor(Date.now() / 1000) + 3600 });
    const authorization = `Bearer ${token}`;
    const client = new Client({ name: subject, version: '1.0.0' }, { versionNegotiation: { mode: 'legacy' } });
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization } } });
    await client.connect(transport, { timeout: 120_000 });
    return new Caller(subject, authorization, client, transport);
  }

  get sessionId(): string {
    return this.#transport.sessionId ?? '';
  }

  async callAll(calls: number, progress: Progress): Promise<void> {
    for (let call = 0; call < calls; call++) {
      while (!(await this.#answered(`call ${call}`)));
      progress.count();
    }
  }

  async call(text: string): Promise<void> {
    const said = `${this.subject}: ${text}`;
    const options = { timeout: CALL_LIMIT };
    const { content } = await this.#client.callTool({ name: 'echo', arguments: { text: said } }, options);
    assert.deepEqual(content, [{ type: 'text', text: said }]);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #answered(text: string): Promise<boolean> {
    try {
      await this.call(text);
      return true;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      this.failures.push(inspect(error));
      if (this.failures.length > 5) throw new Error(this.failures.join('\n'), { cause: error });
      return false;
    }
  }
}

/** No session of the upstream was ever used for two subjects. */
function assertNoSessionCrosses(upstream: Peer): void {
  const users = new Map<string, Set<string>>();
  for (const { headers, body } of upstream.requests) {
    const subject = /"text":"(subject-\d+): /.exec(body)?.[1];
    const session = headers['mcp-session-id'];
    if (subject === undefined || typeof session !== 'string') continue;
    users.set(session, (users.get(session) ?? new Set()).add(subject));
  }
  assert.ok(users.size > 0);
  for (const subjects of users.values()) assert.equal(subjects.size, 1);
}

/** Each replica answers a session of somebody else as if there were none, and asks no upstream. */
async function assertForeignSessionsAreUnknown(
  callers: readonly Caller[],
  ports: readonly number[],
  upstream: Peer,
): Promise<void> {
  const before = upstream.requests.length;
  for (const [index, port] of ports.entries()) {
    const [own, foreign] = [callers[index], callers[index + 1]];
    assert.ok(own !== undefined && foreign !== undefined);
    const headers = { authorization: own.authorization, 'mcp-session-id': foreign.sessionId };
    const { status } = await post(`http://127.0.0.1:${port}/mcp`, toolCall(1, 'echo', { text: 'mine' }), headers);
    assert.equal(status, 404);
  }
  assert.equal(upstream.requests.length, before);
}
