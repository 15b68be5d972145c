import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import type { Decision, JsonObject, Operation } from '../../src/index.ts';
import { FAILURES_BEFORE_REST, MAX_ANSWER_BYTES } from '../../src/pdp/remote/decision-server.ts';
import { startPeer, type Peer, type PeerHandler } from '../support/http-peer.ts';
import { findings, start, type Running } from './decide.ts';

const bundle = (entry: JsonObject, step: JsonObject): string =>
  JSON.stringify({
    global: { pdp: [{ kind: 'authzen', ...entry }] },
    routes: [{ tool: 't', pre_invocation: [{ authzen: step }] }],
  });

const json =
  (answer: unknown, status = 200): PeerHandler =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };

interface Setting {
  readonly handler: PeerHandler;
  readonly step?: JsonObject;
  readonly entry?: JsonObject;
  readonly path?: string;
}

async function against(context: TestContext, setting: Setting): Promise<Running & { readonly peer: Peer }> {
  const peer = await startPeer(setting.handler, setting.path ?? '');
  context.after(() => peer.close());
  const step = setting.step ?? { action: 'call' };
  const running = await start(context, bundle({ url: peer.url, ...setting.entry }, step), {
    environment: { PDP_TOKEN: 'token-in-environment' },
  });
  return { ...running, peer };
}

const ALICE: Partial<Operation> = {
  extensions: { subject: { id: 'alice', type: 'user', roles: ['hr'], claims: { ssn: '123-45-6789' } } },
  args: { doc: 'd1', amount: 9_007_199_254_740_993n, tags: ['b', 'a'] },
};

const code = (decision: Decision): string | undefined => decision.violation?.code;

describe('authzen: questions', () => {
  it('asks about the subject and the operation when the step says no more', async (context) => {
    const { pre, peer } = await against(context, { handler: json({ decision: true }), path: '/base/' });
    assert.equal((await pre(ALICE)).violation, null);
    const [request] = peer.requests;
    assert.equal(request?.method, 'POST');
    assert.equal(request?.path, '/base/access/v1/evaluation');
    assert.equal(request?.headers['content-type'], 'application/json');
    assert.match(String(request?.headers['x-request-id']), /^[0-9a-f-]{36}$/);
    assert.equal(request?.headers.authorization, undefined);
    assert.deepEqual(JSON.parse(request?.body ?? ''), {
      subject: { type: 'user', id: 'alice', properties: { roles: ['hr'] } },
      action: { name: 'call' },
      resource: { type: 'tool', id: 't' },
    });
  });

  it('fills in typed placeholders and sends the token', async (context) => {
    const { pre, peer } = await against(context, {
      handler: json({ decision: true }),
      entry: { path: '/pdp', token: { kind: 'env_var', name: 'PDP_TOKEN' } },
      step: {
        subject: { type: 'account', id: '${subject.id}' },
        action: { name: 'read', properties: { amount: '${args.amount}' } },
        resource: { type: 'doc', id: '${args.doc}', properties: { tags: '${args.tags}' } },
        context: { literal: 'x ${args.doc}' },
      },
    });
    assert.equal((await pre(ALICE)).violation, null);
    const [request] = peer.requests;
    assert.equal(request?.path, '/pdp');
    assert.equal(request?.headers.authorization, 'Bearer token-in-environment');
    assert.equal(
      request?.body,
      '{"subject":{"type":"account","id":"alice"},"action":{"name":"read","properties":{"amount":9007199254740993}},' +
        '"resource":{"type":"doc","id":"d1","properties":{"tags":["a","b"]}},"context":{"literal":"x ${args.doc}"}}',
    );
  });

  it('is not sent without what the step needs', async (context) => {
    const { pre, peer } = await against(context, { handler: json({ decision: true }) });
    assert.equal(code(await pre()), 'pdp.authzen.error');
    assert.equal(peer.requests.length, 0);
  });
});

describe('authzen: answers', () => {
  it('false denies, with the reasons where they belong', async (context) => {
    const answer = {
      decision: false,
      context: { reason_user: { en: 'ask your manager' }, reason_admin: { '403': `rule 7 ${'x'.repeat(2000)}` } },
    };
    const { pre } = await against(context, { handler: json(answer) });
    const decision = await pre(ALICE);
    assert.equal(code(decision), 'pdp.authzen.deny');
    assert.equal(decision.violation?.reason, 'ask your manager');
    const [told = ''] = decision.consultations?.[0]?.diagnostics ?? [];
    assert.match(told, /^rule 7 x+…$/);
    assert.equal(told.length, 1024);
  });

  const wrong: Readonly<Record<string, PeerHandler>> = {
    'no decision': json({}),
    'a decision that is text': json({ decision: 'true' }),
    'a decision that is a number': json({ decision: 1 }),
    'a bare true': json(true),
    'a list': json([{ decision: true }]),
    'status 201': json({ decision: true }, 201),
    'status 500': json({ decision: true }, 500),
    'a redirect': (_request, response) => void response.writeHead(307, { location: '/access/v1/evaluation' }).end(),
    'text that is no JSON': (_request, response) => void response.end('{"decision": true'),
    'bytes that are no text': (_request, response) => void response.end(Buffer.from([0x22, 0xff, 0x22])),
    'an answer that is too long': json({ decision: true, pad: 'x'.repeat(MAX_ANSWER_BYTES) }),
    'a connection that ends': (_request, response) => void response.destroy(),
  };
  for (const [what, handler] of Object.entries(wrong)) {
    it(`${what} denies, with an alarm`, async (context) => {
      const { pre, alarms } = await against(context, { handler });
      assert.equal(code(await pre(ALICE)), 'pdp.authzen.error');
      assert.deepEqual(alarms, [{ alarm: 'decision_point_failure', dialect: 'authzen', failure: 'error' }]);
    });
  }

  it('a late answer denies', async (context) => {
    const waiting: ServerResponse[] = [];
    const { pre, peer } = await against(context, {
      handler: (_request, response) => void waiting.push(response),
      entry: { timeout_ms: 20 },
    });
    assert.equal(code(await pre(ALICE)), 'pdp.authzen.error');
    await peer.received(1);
    for (const response of waiting) response.end('{"decision": true}');
  });

  it('a server that keeps failing is left alone for a while', async (context) => {
    const { pre, peer } = await against(context, { handler: json({}, 503) });
    for (let i = 0; i < FAILURES_BEFORE_REST + 3; i++) assert.equal(code(await pre(ALICE)), 'pdp.authzen.error');
    assert.equal(peer.requests.length, FAILURES_BEFORE_REST);
  });

  it('nobody listening denies', async (context) => {
    const { pre, peer } = await against(context, { handler: json({ decision: true }) });
    await peer.close();
    assert.equal(code(await pre(ALICE)), 'pdp.authzen.error');
  });
});

describe('authzen: what loading finds', () => {
  const url = 'https://pdp.example.com';
  const errors: readonly (readonly [JsonObject, JsonObject, RegExp])[] = [
    [{}, { action: 'a' }, /has no `url`/],
    [{ url: 'pdp' }, { action: 'a' }, /`url` is no absolute URL/],
    [{ url: 'ftp://x' }, { action: 'a' }, /must begin with `https:\/\/`/],
    [{ url: 'http://10.0.0.1' }, { action: 'a' }, /plain http to another machine/],
    [{ url: 'https://user:hunter2@pdp' }, { action: 'a' }, /must not hold credentials/],
    [
      { url, token: { kind: 'env_var', name: 'NOT_SET' } },
      { action: 'a' },
      /`token`: the environment variable `NOT_SET` is not set/,
    ],
    [{ url, token: { kind: 'file', path: 'nowhere' } }, { action: 'a' }, /`token`: the file `nowhere` cannot be read/],
    [
      { url, token: { kind: 'env_var', name: 'PATH', secret: 'hunter2' } },
      { action: 'a' },
      /unknown key `secret` in `token`/,
    ],
    [{ url, token: { kind: 'env_var' } }, { action: 'a' }, /`token` has no `name`/],
    [{ url, token: { kind: 'literal', secret: 'a\nhunter2' } }, { action: 'a' }, /characters that no header can/],
    [{ url }, {}, /`action` is missing/],
    [{ url }, { action: {} }, /`action.name` is missing/],
    [{ url }, { action: 'a', resource: { type: 'x' } }, /`resource.id` is missing/],
    [{ url }, { action: 'a', resource: { type: 'x', id: 'y', propertys: {} } }, /unknown key `propertys`/],
    [{ url }, { action: 'a', resorce: {} }, /unknown key `resorce`; did you mean `resource`/],
  ];
  for (const [entry, step, message] of errors) {
    it(message.source, async () => {
      const found = await findings(bundle(entry, step));
      const text = found.map((finding) => `${finding.severity} ${finding.message} ${finding.help ?? ''}`).join('\n');
      assert.match(text, message);
      assert.match(text, /^error/m);
      assert.doesNotMatch(text, /hunter2/);
    });
  }
});
