import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { Decision, LoadOptions } from '../../src/index.ts';
import { verifyChain } from '../../src/plugins/audit-logger/hash-chain.ts';
import { startPeer, type Peer, type PeerHandler } from '../support/http-peer.ts';
import { loadedEngine, refusals, type LoadedEngine } from '../support/loaded-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-collector-'));
after(() => rmSync(folder, { recursive: true }));

interface Collected extends LoadedEngine {
  readonly peer: Peer;
  readonly pay: (amount?: number) => Promise<Decision>;
}

/** A collector, and an engine whose logger sends to it. */
async function collected(
  context: TestContext,
  handler: PeerHandler,
  config: string,
  options: LoadOptions = {},
): Promise<Collected> {
  const peer = await startPeer(handler, '/in?source=gateway');
  const loaded = await loadedEngine(
    `plugins:
  - name: log
    kind: audit/logger
    hooks: [cmf.tool_pre_invoke]
    config: {destination: http, url: '${peer.url}'${config === '' ? '' : `, ${config}`}}
routes:
  - {tool: pay, pre_invocation: ["args.amount > 9: deny('much', 'pay.much')"]}
`,
    { baseDirectory: folder, ...options },
  );
  context.after(async () => {
    await loaded.engine.close();
    await peer.close();
  });
  let id = 0;
  const pay = async (amount = 1): Promise<Decision> => {
    id += 1;
    return loaded.engine.pre({ id: `op-${id}`, entity: { type: 'tool', name: 'pay' }, args: { amount } });
  };
  return { ...loaded, peer, pay };
}

const answerWith =
  (status: number): PeerHandler =>
  (_request, response) =>
    void response.writeHead(status, { location: '/elsewhere' }).end('the secret of the collector');

/** Answers with these statuses in turn, then with 200. */
function statuses(...list: readonly number[]): PeerHandler {
  const left = [...list];
  return (request, response, body) => answerWith(left.shift() ?? 200)(request, response, body);
}

/** Leaves requests without answer until told otherwise. */
function silent(): { readonly handler: PeerHandler; readonly speak: () => void } {
  const open: ServerResponse[] = [];
  let speaks = false;
  return {
    handler: (_request, response) => {
      if (speaks) response.writeHead(200).end();
      else open.push(response);
    },
    speak() {
      speaks = true;
      for (const response of open) response.writeHead(200).end();
    },
  };
}

type Line = Readonly<Record<string, unknown>>;

const linesOf = ({ body }: { readonly body: string }): readonly Line[] =>
  body
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

const idsOf = (requests: Peer['requests']): readonly (readonly unknown[])[] =>
  requests.map((request) => linesOf(request).map(({ operation_id }) => operation_id));

const failures = ({ alarms }: LoadedEngine): readonly unknown[] =>
  alarms.flatMap(({ alarm, ...rest }) => (alarm === 'audit_write_failed' ? [[rest['failure'], rest['lost']]] : []));

describe('audit/logger sends batches', () => {
  it('of lines of JSON, with headers whose values are secrets, up to a size', async (context) => {
    const headers = 'headers: {Authorization: {kind: env_var, name: COLLECTOR}, X-Key: {kind: literal, secret: k}}';
    const setting = await collected(context, answerWith(204), `${headers}, batch_size: 2, flush_interval_ms: 0`, {
      environment: { COLLECTOR: 'Bearer sesame' },
    });
    for (let i = 0; i < 5; i++) await setting.pay();
    await setting.engine.close();
    const { requests } = setting.peer;
    assert.deepEqual(idsOf(requests), [['op-1', 'op-2'], ['op-3', 'op-4'], ['op-5']]);
    for (const { method, path, headers: sent } of requests) {
      assert.deepEqual([method, path], ['POST', '/in?source=gateway']);
      assert.equal(sent['content-type'], 'application/x-ndjson');
      assert.deepEqual([sent.authorization, sent['x-key']], ['Bearer sesame', 'k']);
    }
    assert.equal(new Set(requests.map(({ headers: sent }) => sent['idempotency-key'])).size, 3);
    assert.deepEqual(setting.alarms, []);
  });

  it('as soon as one is full, and what is left when the interval is over', async (context) => {
    const { peer, pay } = await collected(context, answerWith(200), 'batch_size: 2, flush_interval_ms: 60000');
    await pay();
    await pay();
    await peer.received(1);
    const short = await collected(context, answerWith(200), 'flush_interval_ms: 1');
    await short.pay();
    await short.peer.received(1);
    assert.deepEqual([idsOf(peer.requests), idsOf(short.peer.requests)], [[['op-1', 'op-2']], [['op-1']]]);
  });

  it('with arguments masked, unless told otherwise', async (context) => {
    const masked = await collected(context, answerWith(200), 'flush_interval_ms: 0');
    await masked.pay(7);
    await masked.engine.close();
    const open = await collected(context, answerWith(200), 'flush_interval_ms: 0, mask_arguments: false');
    await open.pay(7);
    await open.engine.close();
    const calls = [masked, open].map(({ peer }) => peer.requests.flatMap(linesOf).map(({ tool_call }) => tool_call));
    assert.deepEqual(calls, [[{ name: 'pay', args: { amount: '[MASKED]' } }], [{ name: 'pay', args: { amount: 7 } }]]);
  });

  it('that are one chain of hashes', async (context) => {
    const setting = await collected(context, statuses(200, 500, 200), 'hash_chain: true, batch_size: 2');
    for (let i = 0; i < 5; i++) await setting.pay();
    await setting.engine.close();
    const taken = setting.peer.requests.filter((_, i) => i !== 1).flatMap(({ body }) => body.split('\n').slice(0, -1));
    const { records, findings, last } = await verifyChain(taken);
    assert.deepEqual([records, findings, last?.seq], [5, [], 5]);
  });

  it('with a secret file as it is now', async (context) => {
    const file = join(folder, 'token');
    writeFileSync(file, 'first\n');
    const headers = 'headers: {Authorization: {kind: file, path: token}}';
    const { peer, pay } = await collected(context, answerWith(200), `${headers}, flush_interval_ms: 0`);
    await pay();
    await peer.received(1);
    writeFileSync(file, 'second\n');
    await pay();
    await peer.received(2);
    assert.deepEqual(
      peer.requests.map(({ headers: sent }) => sent.authorization),
      ['first', 'second'],
    );
  });
});

describe('a batch that the collector does not take', () => {
  const resent: readonly (readonly [string, PeerHandler, string])[] = [
    ['for an error of its own', statuses(503), 'status 503'],
    ['because it may not be sent so', statuses(401), 'status 401'],
    ['and redirects, which is not followed', statuses(307), 'status 307'],
  ];
  for (const [why, handler, failure] of resent) {
    it(`${why} is sent again as it was`, async (context) => {
      const setting = await collected(context, handler, 'flush_interval_ms: 0');
      assert.equal((await setting.pay()).decision, 'allow');
      await setting.peer.received(2);
      const [first, second] = setting.peer.requests;
      assert.equal(first?.body, second?.body);
      assert.equal(first?.headers['idempotency-key'], second?.headers['idempotency-key']);
      assert.equal(second?.path, '/in?source=gateway');
      assert.deepEqual(failures(setting), [[failure, 0]]);
      assert.doesNotMatch(JSON.stringify(setting.alarms), /secret of the collector/);
    });
  }

  it('in time is sent again', async (context) => {
    const { handler, speak } = silent();
    const setting = await collected(context, handler, 'flush_interval_ms: 0, timeout_ms: 50');
    await setting.pay();
    await setting.peer.received(2);
    speak();
    await setting.engine.close();
    assert.deepEqual(failures(setting)[0], ['timeout', 0]);
    assert.deepEqual(new Set(idsOf(setting.peer.requests).flat()), new Set(['op-1']));
  });

  it('because the connection breaks is sent again', async (context) => {
    let broken = 2;
    const handler: PeerHandler = (request, response) => {
      broken -= 1;
      if (broken >= 0) request.socket.destroy();
      else response.writeHead(200).end();
    };
    const setting = await collected(context, handler, 'flush_interval_ms: 0');
    await setting.pay();
    await setting.peer.received(3);
    await setting.engine.close();
    assert.deepEqual(failures(setting), [
      ['network', 0],
      ['network', 0],
    ]);
  });

  it('for good is lost, and told, and the next one goes out', async (context) => {
    const setting = await collected(context, statuses(400), 'flush_interval_ms: 0');
    await setting.pay();
    await setting.peer.received(1);
    await setting.pay();
    await setting.engine.close();
    assert.deepEqual(idsOf(setting.peer.requests), [['op-1'], ['op-2']]);
    assert.deepEqual(failures(setting), [['status 400', 1]]);
  });

  it('for good is kept where nothing may be lost', async (context) => {
    const setting = await collected(context, statuses(400), 'flush_interval_ms: 0, on_overflow: deny');
    await setting.pay();
    await setting.peer.received(2);
    assert.deepEqual(idsOf(setting.peer.requests), [['op-1'], ['op-1']]);
    assert.deepEqual(failures(setting), [['status 400', 0]]);
  });
});

describe('a collector that does not keep up', () => {
  const QUEUE = 'flush_interval_ms: 0, batch_size: 1, max_queue: 3';

  it('costs records beyond the bound, which are counted, and no decisions', async (context) => {
    const { handler, speak } = silent();
    const setting = await collected(context, handler, QUEUE);
    const decisions: string[] = [];
    for (let i = 0; i < 6; i++) decisions.push((await setting.pay()).decision);
    assert.deepEqual(new Set(decisions), new Set(['allow']));
    assert.deepEqual(failures(setting), [['overflow', 1]]);
    speak();
    await setting.peer.received(3);
    // The third answer has to be in before there is room.
    while ((await setting.pay(), failures(setting).length < 2)) await new Promise((resolve) => setImmediate(resolve));
    await setting.engine.close();
    const lines = setting.peer.requests.flatMap(linesOf);
    const lost = lines.reduce((sum, { lost_before }) => sum + Number(lost_before ?? 0), 0);
    assert.ok(lost >= 3);
    assert.deepEqual(
      lines.slice(0, 3).map(({ operation_id }) => operation_id),
      ['op-1', 'op-2', 'op-3'],
    );
  });

  it('has operations denied under on_overflow: deny, until it takes records again', async (context) => {
    const { handler, speak } = silent();
    const setting = await collected(context, handler, `${QUEUE}, on_overflow: deny`);
    const outcomes: (string | undefined)[] = [];
    for (let i = 0; i < 5; i++) outcomes.push((await setting.pay()).violation?.code);
    assert.deepEqual(outcomes, [undefined, undefined, undefined, 'audit.overflow', 'audit.overflow']);
    speak();
    await setting.peer.received(3);
    let decision = await setting.pay();
    while (decision.violation?.code === 'audit.overflow') {
      await new Promise((resolve) => setImmediate(resolve));
      decision = await setting.pay();
    }
    assert.equal(decision.decision, 'allow');
    await setting.engine.close();
    const allowed = setting.peer.requests.flatMap(linesOf).filter((line) => line['decision'] === 'allow');
    assert.equal(allowed.length, 4);
  });

  it('never lets an operation through without a record under on_overflow: deny', async (context) => {
    const { handler, speak } = silent();
    const setting = await collected(context, handler, `${QUEUE}, on_overflow: deny`);
    const decisions = await Promise.all(Array.from({ length: 50 }, async () => setting.pay()));
    const through = decisions.filter(({ decision }) => decision === 'allow').length;
    assert.ok(through >= 3 && through < 50);
    speak();
    await setting.engine.close();
    const recorded = setting.peer.requests.flatMap(linesOf).filter((line) => line['decision'] === 'allow');
    assert.equal(recorded.length, through);
  });
});

describe('the end of a bundle with a collector', () => {
  it('waits until everything is sent, through failures', async (context) => {
    const setting = await collected(context, statuses(500, 500), 'flush_interval_ms: 60000, batch_size: 10');
    for (let i = 0; i < 3; i++) await setting.pay();
    await setting.engine.close();
    assert.deepEqual(idsOf(setting.peer.requests).at(-1), ['op-1', 'op-2', 'op-3']);
  });

  it('comes all the same when nothing is taken, and what is lost is told', async (context) => {
    const setting = await collected(context, silent().handler, 'flush_interval_ms: 0, batch_size: 2');
    for (let i = 0; i < 5; i++) await setting.pay();
    await setting.engine.close();
    assert.deepEqual(failures(setting).at(-1), ['closed', 5]);
  });
});

describe('a bundle whose logger sends to a collector is rejected', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['without a url', 'destination: http', /`destination: http` needs a `url`/],
    ['for plain http to another machine', "destination: http, url: 'http://logs.example.com/'", /plain http/],
    [
      'for a url with credentials',
      "destination: http, url: 'https://u:hunter2@logs.example.com/'",
      /holds credentials/,
    ],
    ['for what is no url', 'destination: http, url: logs', /is not an https URL/],
    [
      'for keys that other destinations do not read',
      'destination: file, path: a, batch_size: 3',
      /`batch_size` has no/,
    ],
    ['for a path', "destination: http, url: 'https://l/', path: a", /`path` has no effect/],
    [
      'for a batch that no queue holds',
      "destination: http, url: 'https://l/', max_queue: 5",
      /larger than `max_queue`/,
    ],
    [
      'for a header that the sender sets',
      "destination: http, url: 'https://l/', headers: {Content-Type: {kind: literal, secret: a}}",
      /`Content-Type` is not yours/,
    ],
    [
      'for a secret that cannot be had',
      "destination: http, url: 'https://l/', headers: {X: {kind: env_var, name: NOT_SET}}",
      /`NOT_SET` is not set/,
    ],
    ['for an unknown word', 'on_overflow: block', /must be `drop` or `deny`/],
  ];
  for (const [why, config, message] of cases) {
    it(why, async () => {
      const found = await refusals(`plugins: [{name: log, kind: audit/logger, config: {${config}}}]`);
      assert.equal(found.length, 1);
      assert.match(String(found[0]?.[2]), message);
      assert.doesNotMatch(String(found[0]?.[2]), /hunter2/);
    });
  }
});
