import { isHeaderToken } from '../../engine/credential-header.ts';
import type { DecisionPointContext } from '../../engine/decision-point.ts';
import { secretSchema } from '../../text/secret-schema.ts';
import { readSecretSource, secretSource } from '../../text/secret-source.ts';
import { serverUrl, type DecisionServerOptions } from './decision-server.ts';

export const DEFAULT_SERVER_TIMEOUT = 2000;

/** JSON Schema properties of an entry that asks a server. */
export const SERVER_PROPERTIES: Readonly<Record<string, object>> = {
  url: { type: 'string', minLength: 1, description: 'Address of the decision server.' },
  timeout_ms: {
    type: 'integer',
    minimum: 1,
    maximum: 30_000,
    default: DEFAULT_SERVER_TIMEOUT,
    description: 'Most time that one answer may take, in milliseconds.',
  },
  insecure_http: { type: 'boolean', default: false, description: 'Lets `url` be plain http to another machine.' },
  token: secretSchema('Bearer token for the server; read at load.'),
};

/** What those properties say. Throws an `Error` for the author, never with the token in it. */
export function serverSettings(
  config: Readonly<Record<string, unknown>>,
  context: DecisionPointContext,
): DecisionServerOptions {
  const { url, timeout_ms: timeout, insecure_http: insecure, token } = config;
  if (typeof url !== 'string') throw new Error('`url` is missing');
  return {
    url: serverUrl(url, insecure === true),
    timeout: typeof timeout === 'number' ? timeout : DEFAULT_SERVER_TIMEOUT,
    token: token === undefined ? undefined : readToken(token, context),
  };
}

function readToken(config: unknown, context: DecisionPointContext): string {
  const token = readSecretSource(secretSource(config, context, 'token'));
  if (!isHeaderToken(token)) throw new Error('the secret of `token` holds characters that no header can');
  return token;
}
