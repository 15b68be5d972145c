import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { createGateway, createTelemetry, type Gateway } from '../../src/gateway/index.ts';
import { TransportStorageError } from '../../src/transport/transport-storage.ts';
import { LocalStorage } from '../../src/transport/local-storage.ts';
import { AskedEngine, type AskedOptions } from '../support/asked-engine.ts';
import { findingsOf, outcomeOf } from '../support/engine.ts';

const SECRET = 'a-key-of-bot-and-gateway';
const LEAK = 'secret-of-the-bot';

interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let bot: Server;
let url: string;
const posted: Posted[] = [];
let respond: (response: ServerResponse) => void;
const accept = (response: ServerResponse): void => void response.writeHead(202).end();

before(async () => {
  respond = accept;
  bot = createServer((request, response) => {
    const serve = async (): Promise<void> => {
      posted.push({ headers: request.headers, body: await textOf(request) });
      respond(response);
    };
    void serve();
  });
  bot.listen(0, '127.0.0.1');
  await once(bot, 'listening');
  url = `http://127.0.0.1:${(bot.address() as AddressInfo).port}/questions`;
});
after(() => {
  bot.close();
  bot.closeAllConnections();
});

interface Channel {
  readonly asked: AskedEngine;
  readonly gateway: Gateway;
  /** Sends an answer as the bot does; `how` says what is wrong with it. */
  readonly answer: (body: object | string, how?: How) => Promise<readonly [status: number, error: unknown]>;
  readonly close: () => Promise<void>;
}

interface How {
  readonly secret?: string;
  /** Seconds that the bot's clock is ahead. */
  readonly ahead?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly plugin?: string;
  readonly method?: string;
}

const ASK = "require_approval(h, from: claim.manager, channel: chat, purpose: 'pay ${args.amount}', show: [amount])";

async function channel(step = ASK, options: AskedOptions & { readonly config?: object } = {}): Promise<Channel> {
  const config = { url, secret_source: { kind: 'env_var', name: 'KEY' }, timeout_seconds: 1, ...options.config };
  const asked = await AskedEngine.of(step, {
    ...options,
    rest: {
      plugin_settings: { routing_enabled: true, plugin_timeout: 5 },
      plugins: [
        { name: 'h', kind: 'elicitation/webhook', config },
        { name: 'other', kind: 'elicitation/webhook', config },
      ],
    },
    load: { environment: { KEY: SECRET }, plugins: [] },
  });
  const gateway = createGateway({
    engine: asked.engine,
    upstream: 'http://127.0.0.1:9/mcp',
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    telemetry: createTelemetry({ level: 'silent' }),
  });
  const { adminUrl } = await gateway.listen();
  let messages = 0;
  return {
    asked,
    gateway,
    answer: async (given, { secret = SECRET, ahead = 0, headers = {}, plugin = 'h', method = 'POST' } = {}) => {
      const body = typeof given === 'string' ? given : JSON.stringify(given);
      messages += 1;
      const id = `msg-${messages}`;
      const seconds = Math.floor(asked.clock.now / 1000) + ahead;
      const signature = createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64');
      const response = await fetch(`${adminUrl}/elicitations/${plugin}`, {
        method,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(seconds),
          'webhook-signature': `v1,${signature}`,
          ...headers,
        },
        ...(method === 'POST' ? { body } : {}),
      });
      return [response.status, Object(await response.json())['error']];
    },
    close: async () => {
      await gateway.close();
      await asked.engine.close();
    },
  };
}

function approval(question: string, over: object = {}): object {
  return { type: 'answer', question, outcome: 'approved', approver: 'eve', ...over };
}

describe('elicitation/webhook', () => {
  it('posts the question, signed', async () => {
    const { asked, close } = await channel();
    const id = await asked.ask({ amount: 5, account: 'DE02' });
    const { headers, body } = posted.at(-1) ?? { headers: {}, body: '' };
    assert.deepEqual(JSON.parse(body), {
      type: 'question',
      question: id,
      verb: 'require_approval',
      requester: 'ann',
      operation: 'tool:t',
      approver: 'eve',
      channel: 'chat',
      purpose: 'pay 5',
      arguments: { amount: 5, account: '***' },
      asked_at: '2023-11-14T22:13:20.000Z',
      expires_at: '2023-11-14T22:18:20.000Z',
    });
    const signed = `${id}.${String(headers['webhook-timestamp'])}.${body}`;
    assert.equal(headers['webhook-id'], id);
    assert.equal(headers['webhook-timestamp'], '1700000000');
    assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`);
    await close();
  });

  it('takes the signed answer, once', async () => {
    const { asked, answer, close } = await channel();
    const id = await asked.ask();
    assert.equal(await asked.retry(id), 'elicitation.pending');
    assert.deepEqual(await answer(approval(id)), [200, undefined]);
    assert.deepEqual(await answer(approval(id, { outcome: 'denied' })), [409, 'answered']);
    assert.equal(await asked.peek(id), 'elicitation.approved');
    assert.equal(await asked.retry(id), 'allow');
    assert.deepEqual(await answer(approval(id)), [409, 'used']);
    assert.equal(await asked.retry(id), 'elicitation.used');
    await close();
  });

  it('has a page of its own for each question, which holds nothing but the id', async () => {
    const { asked, close } = await channel(ASK, { config: { page_url: 'https://bot.example.com/q?question={id}' } });
    const { violation } = await asked.pre({ amount: 5, account: 'DE02' });
    const { elicitation_id: id, url: page, message } = { ...violation?.details };
    assert.equal(page, `https://bot.example.com/q?question=${String(id)}`);
    assert.equal(message, 'tool:t has to wait until eve has answered');
    const again = await asked.pre({ amount: 5, account: 'DE02' }, { elicitation: { id: String(id) } });
    assert.equal(again.violation?.details['url'], page);
    await close();
  });

  it('signs with a key in base64 too', async () => {
    const key = Buffer.from(SECRET).toString('base64');
    const config = { secret_source: { kind: 'literal', secret: `whsec_${key}` } };
    const { asked, answer, close } = await channel(ASK, { config });
    const id = await asked.ask();
    assert.deepEqual(await answer(approval(id, { outcome: 'denied', text: 'no' })), [200, undefined]);
    assert.equal(await asked.retry(id), 'elicitation.denied');
    await close();
  });

  it('takes no answer that is forged, old, for another channel, or none', async () => {
    const { asked, answer, close } = await channel();
    const id = await asked.ask();
    const question = posted.at(-1)?.body ?? '';
    const refused: readonly (readonly [object | string, How | undefined, number, string])[] = [
      [approval(id), { secret: 'another-key-of-somebody' }, 401, 'untrusted'],
      [approval(id), { ahead: -301 }, 401, 'untrusted'],
      [approval(id), { ahead: 301 }, 401, 'untrusted'],
      [approval(id), { headers: { 'webhook-id': 'msg-0' } }, 401, 'untrusted'],
      [approval(id), { headers: { 'webhook-signature': 'v1,' } }, 401, 'untrusted'],
      [approval(id), { headers: { 'webhook-signature': 'v1a,AAAA v2,AAAA' } }, 401, 'untrusted'],
      [approval(id), { headers: { 'webhook-timestamp': 'now' } }, 401, 'untrusted'],
      [approval(id), { plugin: 'other' }, 404, 'unknown'],
      [approval(id), { plugin: 'nobody' }, 401, 'untrusted'],
      [approval(id), { method: 'GET' }, 405, 'method_not_allowed'],
      [question, undefined, 401, 'untrusted'],
      ['{', undefined, 401, 'untrusted'],
      [approval(id, { outcome: 'yes' }), undefined, 401, 'untrusted'],
      [approval(id, { text: 5 }), undefined, 401, 'untrusted'],
      [approval(id, { approver: 'ann' }), undefined, 403, 'wrong_approver'],
      [approval('a'.repeat(64)), undefined, 404, 'unknown'],
      [approval(id, { text: 'x'.repeat(20_000) }), undefined, 413, 'too_large'],
    ];
    for (const [body, how, status, error] of refused) {
      assert.deepEqual(await answer(body, how), [status, error], JSON.stringify([body, how]));
    }
    assert.equal(await asked.retry(id), 'elicitation.pending');
    assert.deepEqual(await answer(approval(id)), [200, undefined]);
    await close();
  });

  it('cannot prove a sign-in', async () => {
    const { asked, close } = await channel('require_step_up(h, from: subject.id)');
    assert.equal(outcomeOf(await asked.pre()), 'elicitation.unsupported_verb');
    await close();
  });

  it('tells the service to come again when the storage does not answer', async () => {
    const storage = new LocalStorage();
    const { asked, answer, close } = await channel(ASK, { storage });
    const id = await asked.ask();
    const create = storage.create.bind(storage);
    Object.assign(storage, {
      create: () => {
        throw new TransportStorageError('timeout', 'late');
      },
    });
    assert.deepEqual(await answer(approval(id)), [503, 'unavailable']);
    Object.assign(storage, { create });
    assert.deepEqual(await answer(approval(id)), [200, undefined]);
    await close();
  });

  const failures: readonly (readonly [string, (response: ServerResponse) => void, string, string])[] = [
    ['fails', (response) => void response.writeHead(503).end(LEAK), 'elicitation.webhook_error', 'allow'],
    [
      'redirects',
      (response) => void response.writeHead(302, { location: `https://${LEAK}.test` }).end(),
      'elicitation.webhook_error',
      'allow',
    ],
    [
      'refuses',
      (response) => void response.writeHead(404).end(LEAK),
      'elicitation.webhook_rejected',
      'elicitation.webhook_rejected',
    ],
    ['breaks off', (response) => void response.destroy(), 'elicitation.webhook_unreachable', 'allow'],
    ['is silent', () => undefined, 'elicitation.webhook_timeout', 'allow'],
  ];
  for (const [how, answerWith, code, onContinue] of failures) {
    it(`denies with a code of its own when the service ${how}`, async () => {
      respond = answerWith;
      const strict = await channel();
      const { violation } = await strict.asked.pre();
      assert.equal(violation?.code, code);
      assert.doesNotMatch(JSON.stringify([violation, strict.asked.raised]), new RegExp(`${LEAK}|${SECRET}`));
      assert.equal(strict.asked.raised[0]?.alarm, 'elicitation_failed');
      await strict.close();
      const lenient = await channel("require_approval(h, from: 'eve', on_error: continue)");
      assert.equal(outcomeOf(await lenient.asked.pre()), onContinue);
      await lenient.close();
      respond = accept;
    });
  }

  it('has a config that is checked', async () => {
    const codes = async (config: object): Promise<readonly (string | undefined)[]> => {
      const text = JSON.stringify({
        plugins: [{ name: 'h', kind: 'elicitation/webhook', config }],
        routes: [{ tool: 't', pre_invocation: ["require_approval(h, from: 'eve')"] }],
      });
      return (await findingsOf(text, { environment: { KEY: SECRET, SHORT: 'short' } })).map(([code]) => code);
    };
    const secret_source = { kind: 'env_var', name: 'KEY' };
    assert.deepEqual(await codes({ url: 'https://bot.test/q', secret_source }), []);
    assert.deepEqual(await codes({ url: 'http://bot.test/q', secret_source, insecure_http: true }), [
      'config/plugin-doubt',
    ]);
    for (const config of [
      {},
      { url: 'https://bot.test/q' },
      { url: 'http://bot.test/q', secret_source },
      { url: 'https://bot.test/q', secret_source: { kind: 'env_var', name: 'SHORT' } },
      { url: 'https://bot.test/q', secret_source, secret: 'x' },
      ...[
        'https://bot.test/q',
        'https://bot.test/{id}/{id}',
        'https://{id}.bot.test/',
        'https://bot.test/q#{id}',
        'https://user:pass@bot.test/{id}',
        'http://bot.test/{id}',
        'javascript:alert({id})',
        '/q/{id}',
      ].map((page_url) => ({ url: 'https://bot.test/q', secret_source, page_url })),
    ]) {
      assert.deepEqual(
        (await codes(config)).slice(0, 1).map((code) => code?.startsWith('config/')),
        [true],
      );
    }
  });
});
