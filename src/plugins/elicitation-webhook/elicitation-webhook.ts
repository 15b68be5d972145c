import { Agent, request } from 'undici';
import type {
  CallContext,
  CallbackAnswer,
  CallbackMessage,
  ElicitInput,
  ElicitOutcome,
  Plugin,
  PluginEntryContext,
} from '../../engine/plugin.ts';
import { secretSchema } from '../../text/secret-schema.ts';
import { readSecretSource, secretSource, type SecretConfig, type SecretSource } from '../../text/secret-source.ts';
import { definePlugin } from '../define-plugin.ts';
import { endpointUrl, isCleartext } from '../endpoint-url.ts';
import { isPageUrl } from '../page-url.ts';
import { lintSecret } from '../lint-secret.ts';
import { isSigned, signatureHeaders } from './webhook-signature.ts';

export interface ElicitationWebhookConfig {
  readonly url: string;
  readonly secret_source: SecretConfig;
  readonly page_url?: string;
  readonly timeout_seconds?: number;
  readonly insecure_http?: boolean;
}

const DEFAULT_TIMEOUT_SECONDS = 5;
/** Bytes of a key that cannot be guessed. */
const MIN_SECRET = 16;
const MAX_TEXT = 4096;
/** What stands for the question's id in a `page_url`. */
const PAGE_ID = '{id}';

const configSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  required: ['url', 'secret_source'],
  properties: {
    url: { type: 'string', pattern: '\\S', description: 'Where questions are posted; https, or http on this machine.' },
    secret_source: secretSchema('Key that signs questions and answers, 16 characters or more.'),
    page_url: {
      type: 'string',
      pattern: '\\S',
      description:
        'Page where people answer, with `{id}` in the place of the question; https, or http on this machine.',
    },
    timeout_seconds: {
      type: 'integer',
      minimum: 1,
      maximum: 60,
      default: DEFAULT_TIMEOUT_SECONDS,
      description: 'Whole time of one request, in seconds.',
    },
    insecure_http: {
      type: 'boolean',
      default: false,
      description: 'Lets `url` be plain http to another machine. For trials only.',
    },
  },
  additionalProperties: false,
};

/**
 * Why a question could not be put, with the whole text that leaves this plugin about it. The texts are constant, so that
 * nothing of an answer or a secret can get into them.
 */
const REASONS = {
  'elicitation.webhook_unreachable': 'the approval service cannot be reached',
  'elicitation.webhook_timeout': 'the approval service did not answer in time',
  'elicitation.webhook_error': 'the approval service failed',
  'elicitation.webhook_rejected': 'the approval service refuses the question',
  'elicitation.unsupported_verb': 'this channel cannot carry an answer of this kind',
} as const;
type WebhookFailure = keyof typeof REASONS;

class WebhookChannel implements Plugin {
  readonly #context: PluginEntryContext;
  readonly #url: string;
  readonly #secret: SecretSource;
  readonly #page: string | undefined;
  readonly #timeout: number;
  readonly #agent: Agent;

  constructor(config: Readonly<ElicitationWebhookConfig>, context: PluginEntryContext) {
    this.#context = context;
    this.#url = endpointUrl(config.url, config.insecure_http ?? false, 'url').href;
    this.#secret = secretSource(config.secret_source, context, 'secret_source');
    if (readSecretSource(this.#secret).length < MIN_SECRET) {
      throw new Error(`the secret of \`secret_source\` is shorter than ${MIN_SECRET} characters`);
    }
    this.#page = config.page_url === undefined ? undefined : pageTemplate(config.page_url);
    this.#timeout = (config.timeout_seconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000;
    this.#agent = new Agent({ connect: { timeout: this.#timeout } });
  }

  async elicit(input: ElicitInput, { signal }: CallContext): Promise<ElicitOutcome> {
    if (input.verb === 'require_step_up') return failed('elicitation.unsupported_verb', 'invalid');
    if (input.state !== undefined) return { outcome: 'pending' };
    const failure = await this.#post(bodyOf(input), input.id, signal);
    if (failure === undefined) {
      return { outcome: 'pending', state: {}, ...(this.#page && { page: this.#page.replace(PAGE_ID, input.id) }) };
    }
    const [code, status] = failure;
    this.#context.alarm({ alarm: 'elicitation_failed', plugin: this.#context.name, code, status });
    return failed(code, code === 'elicitation.webhook_rejected' ? 'invalid' : 'unavailable');
  }

  checkElicit(verb: ElicitInput['verb']): readonly { readonly message: string }[] {
    return verb === 'require_step_up' ? [{ message: 'it cannot prove a sign-in, so this step always denies' }] : [];
  }

  /** An answer whose signature does not hold, or that is older than a few minutes, is none. */
  readAnswer({ headers, body }: CallbackMessage): CallbackAnswer | undefined {
    if (!isSigned(readSecretSource(this.#secret), headers, body, this.#context.now())) return undefined;
    return readCallback(body);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** Undefined when the service took the question; the code of the failure and the status otherwise. */
  async #post(
    body: string,
    id: string,
    cancelled: AbortSignal,
  ): Promise<readonly [WebhookFailure, number | undefined] | undefined> {
    const late = AbortSignal.timeout(this.#timeout);
    const seconds = Math.floor(this.#context.now() / 1000);
    const headers = {
      'content-type': 'application/json',
      ...signatureHeaders(readSecretSource(this.#secret), id, seconds, body),
    };
    try {
      const { statusCode: status, body: answer } = await request(this.#url, {
        method: 'POST',
        headers,
        body,
        dispatcher: this.#agent,
        signal: AbortSignal.any([late, cancelled]),
      });
      // Destroying a body that was not read raises an error on it.
      answer.on('error', () => undefined).destroy();
      if (status >= 200 && status < 300) return undefined;
      const refused = status >= 400 && status < 500 && status !== 408 && status !== 429;
      return [refused ? 'elicitation.webhook_rejected' : 'elicitation.webhook_error', status];
    } catch {
      return [late.aborted ? 'elicitation.webhook_timeout' : 'elicitation.webhook_unreachable', undefined];
    }
  }
}

/** Throws an `Error` for the author. The host name must be the author's, and the id is all that callers may learn. */
function pageTemplate(text: string): string {
  const template = text.trim();
  const [one = '', other = ''] = ['0', '1'].map((digit) => template.replace(PAGE_ID, digit.repeat(64)));
  if (!isPageUrl(one)) throw new Error('`page_url` is not an https URL without credentials and fragment');
  if (template.split(PAGE_ID).length !== 2 || !URL.canParse(other) || new URL(one).host !== new URL(other).host) {
    throw new Error('`page_url` needs `{id}` once, in its path or query');
  }
  return template;
}

function bodyOf(input: ElicitInput): string {
  const { id, verb, requester, entity, from, channel, purpose, shown, askedAt, expiresAt } = input;
  return JSON.stringify({
    type: 'question',
    question: id,
    verb,
    requester,
    operation: `${entity.type}:${entity.name}`,
    approver: from,
    channel,
    purpose,
    arguments: shown,
    asked_at: new Date(askedAt).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
  });
}

/** `{type: "answer", question, outcome, approver, text?}`. A question that is sent back is no answer. */
function readCallback(body: Buffer): CallbackAnswer | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  const { type, question, outcome, approver, text }: Readonly<Record<string, unknown>> = { ...Object(value) };
  if (type !== 'answer' || typeof question !== 'string' || typeof approver !== 'string') return undefined;
  if (outcome !== 'approved' && outcome !== 'denied') return undefined;
  if (text === undefined) return { question, answer: { outcome, approver } };
  if (typeof text !== 'string' || text.length > MAX_TEXT) return undefined;
  return { question, answer: { outcome, approver, text } };
}

function failed(code: WebhookFailure, outcome: 'unavailable' | 'invalid'): ElicitOutcome {
  return { outcome, violation: { code, reason: REASONS[code], details: {} } };
}

/**
 * Asks through a service of the operator's own, such as a chat bot: the question goes out as a signed request, the answer
 * comes back as one to `POST /elicitations/NAME` of the admin listener. Source: Standard Webhooks 1.0.
 */
export const elicitationWebhook = definePlugin<ElicitationWebhookConfig>({
  kind: 'elicitation/webhook',
  configSchema,
  hooks: ['elicit'],
  create: (config, context) => new WebhookChannel(config, context),
  lint: ({ url, secret_source: secret }) => [
    ...lintSecret(secret, 'secret_source'),
    ...(URL.canParse(url.trim()) && isCleartext(new URL(url.trim()))
      ? [{ message: 'questions go to `url` in clear text', help: 'use https' }]
      : []),
  ],
});
