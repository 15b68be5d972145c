import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  Client as CurrentClient,
  ProtocolError,
  SdkError,
  StreamableHTTPClientTransport as CurrentTransport,
  type ClientCapabilities,
} from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitationCompleteNotificationSchema, UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js';
import { signatureHeaders } from '../../src/plugins/elicitation-webhook/webhook-signature.ts';
import { askingGateway, askingServer, type AskingGateway, type AskingOptions } from '../support/asking-gateway.ts';
import { post, startPeer, type Peer } from '../support/http-peer.ts';
import { startSessionUpstream, startStatelessUpstream } from '../support/mcp-upstream.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

const INFO = { name: 'test-client', version: '1.0.0' };
const BOTH: ClientCapabilities = { elicitation: { form: {}, url: {} } };
const FORM: AskingOptions = {
  plugins: [{ name: 'own', kind: 'elicitation/mcp' }],
  pre: ["confirm(own, from: subject.id, purpose: 'say ${args.text}', show: [text])"],
};
const DESK: AskingOptions = {
  plugins: [{ name: 'desk', kind: 'elicitation/local' }],
  pre: ['require_approval(desk, from: claim.manager)'],
};
const PAGE = { page_url: 'https://approvals.example.com/q/{id}' };

/** A channel of a service, which has a page unless `config` says otherwise. */
function askedBy({ url }: Peer, config: object = PAGE): AskingOptions {
  const secret_source = { kind: 'env_var', name: 'KEY' };
  return {
    plugins: [{ name: 'chat', kind: 'elicitation/webhook', config: { url, secret_source, ...config } }],
    pre: ['require_approval(chat, from: claim.manager)'],
  };
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function stateless(): Promise<Peer> {
  const peer = await startStatelessUpstream('auto', askingServer);
  closing.push(() => peer.close());
  return peer;
}

async function gatewayBefore(upstream: Peer, options: AskingOptions): Promise<AskingGateway> {
  const gateway = await askingGateway(upstream.url, options);
  closing.push(() => gateway.close());
  return gateway;
}

type Elicited = {
  readonly action: 'accept' | 'decline' | 'cancel';
  readonly content?: Record<string, string | boolean>;
};

interface Current {
  readonly client: CurrentClient;
  /** What the user was shown. */
  readonly shown: unknown[];
}

/** A client of 2026-07-28 whose user does what `fill` says. */
async function current(
  { url }: { readonly url: string },
  fill: (shown: unknown) => Elicited | Promise<Elicited> = () => ({ action: 'cancel' }),
  who = 'ann',
  capabilities = BOTH,
): Promise<Current> {
  const client = new CurrentClient(INFO, { capabilities, versionNegotiation: { mode: 'auto' } });
  const shown: unknown[] = [];
  if (capabilities.elicitation !== undefined) {
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      shown.push(params);
      return fill(params);
    });
  }
  await client.connect(new CurrentTransport(new URL(url), { authProvider: { token: () => Promise.resolve(who) } }));
  closing.push(() => client.close());
  assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
  return { client, shown };
}

/** The text of `echo`, or code and violation of the refusal. */
async function echo({ client }: Current, text = 'hello'): Promise<unknown> {
  try {
    const { content } = await client.callTool({ name: 'echo', arguments: { text } });
    return content[0]?.type === 'text' ? content[0].text : content;
  } catch (error) {
    if (error instanceof ProtocolError) return Object(error.data)['violation'] ?? error.code;
    throw error;
  }
}

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': INFO,
  'io.modelcontextprotocol/clientCapabilities': BOTH,
};

interface Response {
  readonly result?: {
    readonly resultType?: string;
    readonly inputRequests?: Record<string, unknown>;
    readonly requestState: string;
    readonly content?: unknown;
    readonly _meta?: unknown;
  };
  readonly error?: { readonly code: number; readonly data?: Record<string, unknown> };
}

/** One `tools/call` of 2026-07-28 as it is on the wire. */
async function call(
  { url }: { readonly url: string },
  params: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const message = {
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'hello' }, _meta: ENVELOPE, ...params },
  };
  const answer = await post(url, message, {
    authorization: 'Bearer ann',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': message.params.name,
    ...headers,
  });
  assert.equal(answer.status, 200, answer.body);
  const text = answer.body.startsWith('{') ? answer.body : (/^data: (.*)$/m.exec(answer.body)?.[1] ?? '');
  return JSON.parse(text) as Response;
}

function stateOf({ result, error }: Response): string {
  assert.equal(result?.resultType, 'input_required', JSON.stringify(error));
  return result.requestState;
}

/** The violation, or the code where there is none; `called` when the upstream answered. */
function outcome({ result, error }: Response): unknown {
  if (error !== undefined) return error.data?.['violation'] ?? error.code;
  return result?.resultType === 'input_required' ? 'asked' : 'called';
}

const YES = { confirm: { action: 'accept', content: { approve: true } } };

/** The calls that the upstream got. */
function calls(upstream: Peer): readonly unknown[] {
  return upstream.requests.flatMap(({ body }) => {
    const message: unknown = body === '' ? undefined : JSON.parse(body);
    return Object(message)['method'] === 'tools/call' ? [Object(message)['params']] : [];
  });
}

async function approve({ engine }: AskingGateway, id: string): Promise<void> {
  const answered = await engine.questions.answer(id, { outcome: 'approved', approver: 'eve' }, () => true);
  assert.equal(typeof answered, 'object', String(answered));
}

describe('a confirmation in the form of a 2026-07-28 client', () => {
  it('goes on with the call, of which the upstream sees no more than it was', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, FORM);
    const asked = await current(gateway, () => ({ action: 'accept', content: { approve: true, comment: 'fine' } }));
    assert.equal(await echo(asked), 'hello');
    assert.deepEqual(asked.shown, [
      {
        mode: 'form',
        message: 'say hello\ntool:echo {"text":"hello"}',
        requestedSchema: {
          type: 'object',
          properties: {
            approve: { type: 'boolean', title: 'Approve', description: 'Whether this may go on' },
            comment: { type: 'string', title: 'Comment', maxLength: 1000 },
          },
          required: ['approve'],
        },
      },
    ]);
    const [sent, ...more] = calls(upstream);
    assert.deepEqual(more, []);
    const { _meta, ...rest } = Object(sent);
    assert.deepEqual(rest, { name: 'echo', arguments: { text: 'hello' } });
  });

  it('denies when the user declines or does not approve, and asks nobody again', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, FORM);
    const declining: readonly Elicited[] = [
      { action: 'decline' },
      { action: 'accept', content: { approve: false, comment: 'not now' } },
    ];
    for (const answer of declining) {
      const asked = await current(gateway, () => answer);
      assert.equal(await echo(asked), 'elicitation.denied');
      assert.equal(asked.shown.length, 1);
    }
    assert.deepEqual(calls(upstream), []);
  });

  it('waits on when the user closes the form, as for a client without forms', async () => {
    const gateway = await gatewayBefore(await stateless(), FORM);
    const asked = await current(gateway, () => ({ action: 'cancel' }));
    assert.equal(await echo(asked), -32120);
    assert.equal(asked.shown.length, 1);
  });

  it('asks again for what is no answer', async () => {
    const gateway = await gatewayBefore(await stateless(), FORM);
    const requestState = stateOf(await call(gateway, {}));
    const answers: readonly unknown[] = [
      undefined,
      null,
      [],
      {},
      { confirm: true },
      { confirm: { action: 'accept' } },
      { confirm: { action: 'accept', content: { approve: 'true' } } },
      { confirm: { action: 'accept', content: { approve: true, comment: 'x'.repeat(1001) } } },
      { confirm: { action: 'ACCEPT', content: { approve: true } } },
      { page: { action: 'accept', content: { approve: true } } },
    ];
    for (const inputResponses of answers) {
      const again = await call(gateway, { requestState, inputResponses });
      assert.equal(outcome(again), 'asked', JSON.stringify(inputResponses));
      assert.deepEqual(Object.keys(again.result?.inputRequests ?? {}), ['confirm']);
    }
    assert.equal(outcome(await call(gateway, { requestState, inputResponses: YES })), 'called');
  });

  it('counts once, for the caller, the arguments, and its time', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, FORM);
    const requestState = stateOf(await call(gateway, {}));
    const retry = { requestState, inputResponses: YES };
    const other = { name: 'echo', arguments: { text: 'other' } };
    assert.equal(outcome(await call(gateway, retry, { authorization: 'Bearer bob' })), 'elicitation.other_caller');
    assert.equal(outcome(await call(gateway, { ...retry, ...other })), 'elicitation.other_arguments');
    assert.deepEqual(calls(upstream), []);
    assert.equal(outcome(await call(gateway, retry)), 'called');
    assert.equal(outcome(await call(gateway, retry)), 'elicitation.used');

    const late = { requestState: stateOf(await call(gateway, {})), inputResponses: YES };
    gateway.clock.now += 300_000;
    assert.equal(outcome(await call(gateway, late)), 'elicitation.expired');
    assert.equal(calls(upstream).length, 1);
  });

  it('a refusal stands, whatever the client says later', async () => {
    const gateway = await gatewayBefore(await stateless(), FORM);
    const requestState = stateOf(await call(gateway, {}));
    const no = { confirm: { action: 'decline' } };
    assert.equal(outcome(await call(gateway, { requestState, inputResponses: no })), 'elicitation.denied');
    assert.equal(outcome(await call(gateway, { requestState, inputResponses: YES })), 'elicitation.denied');
  });

  it('is refused to a client that shows no forms', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, {
      ...FORM,
      pre: ['confirm(own, from: subject.id, on_error: continue)'],
    });
    for (const capabilities of [{}, { elicitation: { url: {} } }]) {
      assert.equal(await echo(await current(gateway, undefined, 'ann', capabilities)), 'elicitation.no_form');
    }
    assert.deepEqual(calls(upstream), []);
  });

  it('is asked once more when the result has to be confirmed', async () => {
    const upstream = await stateless();
    const { plugins, pre = [] } = FORM;
    const gateway = await gatewayBefore(upstream, { ...(plugins && { plugins }), post: pre });
    const asked = await current(gateway, () => ({ action: 'accept', content: { approve: true } }));
    assert.equal(await echo(asked), 'hello');
    assert.equal(asked.shown.length, 1);
    assert.equal(calls(upstream).length, 2);
    for (const sent of calls(upstream)) assert.ok(!Object.hasOwn(Object(sent), 'requestState'));
  });
});

describe('a question to somebody else, put to a 2026-07-28 client', () => {
  it('is only told to wait, and goes on after the answer of the channel', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, DESK);
    const first = await call(gateway, {});
    const requestState = stateOf(first);
    assert.equal(first.result?.inputRequests, undefined);
    const {
      elicitation_id: id,
      expires_at: _at,
      ...waiting
    } = Object(Object(first.result?._meta)['indelible/elicitation']);
    assert.deepEqual(waiting, { verb: 'require_approval', approver: 'eve' });
    for (const inputResponses of [undefined, YES, { page: { action: 'accept' } }]) {
      assert.equal(outcome(await call(gateway, { requestState, inputResponses })), 'asked');
    }
    await approve(gateway, id);
    assert.equal(outcome(await call(gateway, { requestState })), 'called');
    assert.equal(outcome(await call(gateway, { requestState })), 'elicitation.used');
    assert.equal(calls(upstream).length, 1);
  });

  it('keeps the call of a client waiting until it is answered', async () => {
    const service = await startService();
    const gateway = await gatewayBefore(await stateless(), askedBy(service, {}));
    const asked = await current(gateway);
    const calling = echo(asked);
    await service.received(1);
    await approve(gateway, String(JSON.parse(service.requests[0]?.body ?? '')['question']));
    assert.equal(await calling, 'hello');
    assert.deepEqual(asked.shown, []);
  });

  it('opens the page of the channel once, and then waits', async () => {
    const upstream = await stateless();
    const service = await startService();
    const gateway = await gatewayBefore(upstream, askedBy(service));
    const asked = await current(gateway, async (shown) => {
      const id = String(Object(shown)['url']).split('/').at(-1) ?? '';
      await approve(gateway, id);
      return { action: 'accept' };
    });
    assert.equal(await echo(asked), 'hello');
    const { url, ...shown } = Object(asked.shown[0]);
    assert.match(url, /^https:\/\/approvals\.example\.com\/q\/[0-9a-f]{64}$/);
    assert.deepEqual(shown, { mode: 'url', message: 'tool:echo has to wait until eve has answered' });

    const pending = stateOf(await call(gateway, {}));
    const opened = await call(gateway, { requestState: pending, inputResponses: { page: { action: 'accept' } } });
    assert.equal(opened.result?.inputRequests, undefined);
    const waiting = await call(gateway, { requestState: stateOf(opened) });
    assert.equal(waiting.result?.inputRequests, undefined);
    const closed = { page: { action: 'decline' } };
    assert.equal(outcome(await call(gateway, { requestState: pending, inputResponses: closed })), -32120);
  });

  it('has no page for a client that opens none', async () => {
    const service = await startService();
    const gateway = await gatewayBefore(await stateless(), askedBy(service));
    const capabilities = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } };
    const response = await call(gateway, { _meta: capabilities });
    assert.equal(outcome(response), 'asked');
    assert.equal(response.result?.inputRequests, undefined);
  });

  it('is told in the old way to who declares nothing, and to who uses the headers', async () => {
    const service = await startService();
    const gateway = await gatewayBefore(await stateless(), askedBy(service));
    assert.equal(await echo(await current(gateway, undefined, 'ann', {})), -32120);
    const requestState = stateOf(await call(gateway, {}));
    const peek = await call(gateway, { requestState }, { 'x-policy-elicitation-peek': '1' });
    assert.equal(outcome(peek), -32120);
    const id = String(peek.error?.data?.['elicitation_id']);
    assert.equal(outcome(await call(gateway, {}, { 'x-policy-elicitation-id': id })), -32120);
    await approve(gateway, id);
    assert.equal(outcome(await call(gateway, { requestState }, { 'x-policy-elicitation-peek': '1' })), -32121);
    assert.equal(outcome(await call(gateway, { requestState })), 'called');
  });

  it('ends after the rounds that the client allows, with the state to come back with', async () => {
    const gateway = await gatewayBefore(await stateless(), DESK);
    const client = new CurrentClient(INFO, {
      capabilities: BOTH,
      versionNegotiation: { mode: 'auto' },
      inputRequired: { maxRounds: 1 },
    });
    client.setRequestHandler('elicitation/create', () => ({ action: 'cancel' }));
    await client.connect(
      new CurrentTransport(new URL(gateway.url), { authProvider: { token: () => Promise.resolve('ann') } }),
    );
    closing.push(() => client.close());
    const failure: unknown = await client
      .callTool({ name: 'echo', arguments: { text: 'hello' } })
      .catch((error: unknown) => error);
    assert.ok(failure instanceof SdkError);
    const { lastResult } = Object(failure.data);
    const [question] = await gateway.engine.questions.store.listed();
    await approve(gateway, question?.id ?? '');
    assert.equal(outcome(await call(gateway, { requestState: lastResult.requestState })), 'called');
  });
});

describe('the state of a question', () => {
  it('resumes on another replica', async () => {
    const upstream = await stateless();
    const valkey = await ValkeyServer.start();
    closing.push(() => valkey.stop());
    const options = { ...FORM, global: { transport_sessions: { kind: 'redis', addr: valkey.endpoint } } };
    const one = await gatewayBefore(upstream, options);
    const other = await gatewayBefore(upstream, options);
    const requestState = stateOf(await call(one, {}));
    assert.equal(outcome(await call(other, { requestState, inputResponses: YES })), 'called');
    assert.equal(outcome(await call(one, { requestState, inputResponses: YES })), 'elicitation.used');
    assert.equal(calls(upstream).length, 1);
  });

  it('that was tampered with is refused, and never sent on', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, FORM);
    const requestState = stateOf(await call(gateway, {}));
    const start = requestState.split('.').slice(0, 2).join('.');
    const forged = (parts: unknown): string => `${start}.${Buffer.from(JSON.stringify(parts)).toString('base64url')}`;
    const id = '0'.repeat(64);
    assert.equal(
      outcome(await call(gateway, { requestState: forged([id, false, null, null]), inputResponses: YES })),
      'elicitation.unknown',
    );
    const refused = [
      `${start}.`,
      `${start}.x`,
      forged({}),
      forged([id, 1, null, null]),
      forged([id, false, '{}', null]),
    ];
    for (const inputResponses of ['{"a":1,"a":2}', '[', '"x"', '{} ,"name":"other"']) {
      refused.push(forged([id, false, null, inputResponses]));
    }
    for (const state of refused) {
      const answer = await post(gateway.url, {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'ask', _meta: ENVELOPE, requestState: state },
      });
      assert.equal(answer.status, 400, state);
      assert.equal(JSON.parse(answer.body).error.data.code, 'gateway.invalid_request_state');
    }
    assert.deepEqual(calls(upstream), []);
  });

  it('is not mistaken for the state of the upstream, which passes as it is', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, FORM);
    const asked = await current(gateway, () => ({ action: 'accept', content: { color: 'red' } }));
    const { content } = await asked.client.callTool({ name: 'ask' });
    const state = 'state of the upstream: "ü"';
    assert.deepEqual(JSON.parse(Object(content[0])['text']), [
      { kind: 'elicit', action: 'accept', content: { color: 'red' } },
      state,
    ]);
    const direct = JSON.stringify(await call(upstream, { name: 'ask', arguments: {} }));
    assert.equal(JSON.stringify(await call(gateway, { name: 'ask', arguments: {} })), direct);
    const [, second] = calls(upstream);
    assert.deepEqual(Object(second)['inputResponses'], { color: { action: 'accept', content: { color: 'red' } } });
    assert.equal(Object(second)['requestState'], state);
  });

  it('carries a round of the upstream over the question in between', async () => {
    const upstream = await stateless();
    const gateway = await gatewayBefore(upstream, FORM);
    const theirs = { requestState: 'theirs', inputResponses: { n: { big: 1 } } };
    const first = await call(gateway, theirs);
    await call(gateway, { requestState: stateOf(first), inputResponses: YES });
    const [sent] = calls(upstream);
    const { requestState, inputResponses } = Object(sent);
    assert.deepEqual({ requestState, inputResponses }, theirs);
  });
});

describe('a question with a page, put to a 2025-11-25 client', () => {
  /** A client with a session at a gateway that asks by `chat`. */
  async function old(
    options: (service: Peer) => AskingOptions = askedBy,
    capabilities: object = { elicitation: { url: {} } },
  ): Promise<{ readonly gateway: AskingGateway; readonly upstream: Peer } & Old> {
    const upstream = await startSessionUpstream();
    closing.push(() => upstream.close());
    const service = await startService();
    const gateway = await gatewayBefore(upstream, options(service));
    return { gateway, upstream, ...(await connectOld(gateway, capabilities)) };
  }

  interface Old {
    readonly client: OldClient;
    /** Until its GET stream is open. */
    readonly streaming: Promise<void>;
  }

  async function connectOld({ url }: AskingGateway, capabilities: object, who = 'ann'): Promise<Old> {
    const client = new OldClient(INFO, { capabilities });
    const requestInit = { headers: { authorization: `Bearer ${who}` } };
    let opened: () => void = () => undefined;
    const streaming = new Promise<void>((resolve) => (opened = resolve));
    const fetching = async (target: string | URL, init?: RequestInit): Promise<globalThis.Response> => {
      const response = await fetch(target, init);
      if (init?.method === 'GET' && response.ok) opened();
      return response;
    };
    await client.connect(new OldTransport(new URL(url), { requestInit, fetch: fetching }));
    closing.push(() => client.close());
    return { client, streaming };
  }

  /** `called`, the ids and page of the elicitations, or the code of the error. */
  async function say(client: OldClient, text = 'hello'): Promise<unknown> {
    try {
      await client.callTool({ name: 'echo', arguments: { text } });
      return 'called';
    } catch (error) {
      if (error instanceof UrlElicitationRequiredError) return error.elicitations;
      return Object(Object(error)['data'])['violation'] ?? Object(error)['code'];
    }
  }

  async function asked(client: OldClient, text?: string): Promise<string> {
    const elicitations = await say(client, text);
    assert.ok(Array.isArray(elicitations), String(elicitations));
    const [{ elicitationId, ...rest }] = elicitations;
    assert.deepEqual(rest, {
      mode: 'url',
      url: `https://approvals.example.com/q/${elicitationId}`,
      message: 'tool:echo has to wait until eve has answered',
    });
    return elicitationId;
  }

  it('is the error of the protocol, and the same call finds the question again', async () => {
    const { gateway, upstream, client } = await old();
    const id = await asked(client);
    assert.equal(await asked(client), id);
    await approve(gateway, id);
    assert.equal(await say(client), 'called');
    assert.notEqual(await asked(client), id);
    assert.equal(calls(upstream).length, 1);
  });

  it('is told on the stream of the session when it was answered', async () => {
    const { gateway, client, streaming } = await old();
    const completed = new Promise((resolve) => {
      client.setNotificationHandler(ElicitationCompleteNotificationSchema, ({ params }) => resolve(params));
    });
    const id = await asked(client);
    await streaming;
    const body = JSON.stringify({ type: 'answer', question: id, outcome: 'approved', approver: 'eve' });
    const answered = await fetch(`${gateway.adminUrl}/elicitations/chat`, {
      method: 'POST',
      headers: signatureHeaders('a-key-of-bot-and-gateway', 'msg-1', Math.floor(Date.now() / 1000), body),
      body,
    });
    assert.equal(answered.status, 200);
    assert.deepEqual(await completed, { elicitationId: id });
    assert.equal(await say(client), 'called');
  });

  it('counts for nobody else, no other session and no other arguments', async () => {
    const { gateway, upstream, client } = await old();
    const id = await asked(client);
    await approve(gateway, id);
    const opensPages = { elicitation: { url: {} } };
    for (const who of ['bob', 'ann']) {
      const other = await connectOld(gateway, opensPages, who);
      assert.notEqual(await asked(other.client), id);
    }
    assert.notEqual(await asked(client, 'other'), id);
    assert.deepEqual(calls(upstream), []);
    assert.equal(await say(client), 'called');
  });

  it('is asked anew after a refusal was told, and after its time', async () => {
    const { gateway, client } = await old();
    const id = await asked(client);
    await gateway.engine.questions.answer(id, { outcome: 'denied', approver: 'eve' }, () => true);
    assert.equal(await say(client), 'elicitation.denied');
    const second = await asked(client);
    assert.notEqual(second, id);
    await approve(gateway, second);
    gateway.clock.now += 300_000;
    assert.notEqual(await asked(client), second);
  });

  it('goes on with the id in the header too', async () => {
    const { gateway, client } = await old();
    const id = await asked(client);
    await approve(gateway, id);
    const other = new OldClient(INFO);
    const headers = { authorization: 'Bearer ann', 'x-policy-elicitation-id': id };
    await other.connect(new OldTransport(new URL(gateway.url), { requestInit: { headers } }));
    closing.push(() => other.close());
    assert.equal(await say(other), 'called');
  });

  it('is told in the old way where the client opens no pages, or the channel has none', async () => {
    for (const capabilities of [{}, { elicitation: {} }, { elicitation: { form: {} } }]) {
      const { client } = await old(askedBy, capabilities);
      assert.equal(await say(client), -32120);
    }
    const { client } = await old(() => DESK);
    assert.equal(await say(client), -32120);
  });
});

/** A service that takes every question. */
async function startService(): Promise<Peer> {
  const service = await startPeer((_, response) => void response.writeHead(202).end(), '/questions');
  closing.push(() => service.close());
  return service;
}
