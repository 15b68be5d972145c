import { ResponseBodyError, allowInsecureRequests, customFetch } from 'oauth4webapi';
import type { CustomFetchOptions } from 'oauth4webapi';
import { Agent, request } from 'undici';
import { boundedBody } from '../bounded-body.ts';

/** Most bytes of an answer. */
export const MAX_ANSWER_BYTES = 256 * 1024;
const CONNECTIONS = 32;

/** Errors that servers answer with. Sources: RFC 6749 section 5.2, RFC 8693 section 2.2.2, CIBA Core sections 11 and 13. */
const STANDARD_ERRORS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'access_denied',
  'authorization_pending',
  'slow_down',
  'expired_token',
  'expired_login_hint_token',
  'unknown_user_id',
  'missing_user_code',
  'invalid_user_code',
  'invalid_binding_message',
  'transaction_failed',
] as const;
export type StandardError = (typeof STANDARD_ERRORS)[number];

export type ServerFailure =
  /** No connection, or it broke. */
  | 'unreachable'
  | 'timeout'
  /** The caller gave up. */
  | 'cancelled'
  /** A status that is neither success nor a refusal, such as 503, 429 or a redirect. */
  | 'status'
  /** A status from 400 to 499; `error` when it is a standard one. */
  | 'refused'
  /** A success that is no answer to the question. */
  | 'malformed';

/** Why a server gave nothing. Holds nothing of the question, and of the answer a status and a standard error at most. */
export class AuthorizationServerError extends Error {
  override readonly name = 'AuthorizationServerError';
  readonly failure: ServerFailure;
  readonly status: number | undefined;
  readonly error: StandardError | undefined;

  constructor(failure: ServerFailure, status?: number, error?: StandardError) {
    super(`the authorization server gave nothing: ${[failure, status, error].filter(Boolean).join(' ')}`);
    this.failure = failure;
    this.status = status;
    this.error = error;
  }
}

/** To be handed to any request of oauth4webapi, whose endpoints have been checked by then. */
export interface RequestOptions {
  readonly [customFetch]: (url: string, options: CustomFetchOptions<'POST', URLSearchParams>) => Promise<Response>;
  readonly [allowInsecureRequests]: true;
  readonly signal: AbortSignal;
}

/** Connections to an authorization server. Redirects are not followed; nothing is dialled before the first request. */
export class AuthorizationServer {
  readonly #agent: Agent;
  readonly #timeout: number;

  /** `timeout`: whole time of one request, in milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout;
    this.#agent = new Agent({ connections: CONNECTIONS, connect: { timeout: Math.max(1, timeout) } });
  }

  /** Makes one request with oauth4webapi and reads its answer. Rejects with `AuthorizationServerError`. */
  async ask<Answer>(exchange: (options: RequestOptions) => Promise<Answer>, cancelled: AbortSignal): Promise<Answer> {
    const late = AbortSignal.timeout(this.#timeout);
    const seen: { status?: number } = {};
    const options: RequestOptions = {
      [customFetch]: async (url, given) => {
        const answer = await this.#fetch(url, given);
        seen.status = answer.status;
        return answer;
      },
      [allowInsecureRequests]: true,
      signal: AbortSignal.any([late, cancelled]),
    };
    try {
      return await exchange(options);
    } catch (error) {
      if (cancelled.aborted) throw new AuthorizationServerError('cancelled');
      const failure = error instanceof AuthorizationServerError ? error : failureOf(error, seen.status);
      const broken = failure instanceof AuthorizationServerError && failure.failure === 'unreachable';
      throw broken && late.aborted ? new AuthorizationServerError('timeout') : failure;
    }
  }

  /** What is under way, and whatever is asked later, fails as `unreachable`. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #fetch(
    url: string,
    { method, headers, body, signal }: CustomFetchOptions<'POST', URLSearchParams>,
  ): Promise<Response> {
    const dispatcher = this.#agent;
    const answer = await unlessBroken(
      request(url, { method, headers, body: body.toString(), dispatcher, ...(signal && { signal }) }),
    );
    const { statusCode: status } = answer;
    const refusal = status >= 400 && status < 500 && status !== 408 && status !== 429;
    if (!refusal && (status < 200 || status > 299)) {
      // Destroying a body that was not read raises an error on it.
      answer.body.on('error', () => undefined).destroy();
      throw new AuthorizationServerError('status', status);
    }
    const bytes = await unlessBroken(boundedBody(answer.body, MAX_ANSWER_BYTES));
    if (bytes === undefined) throw new AuthorizationServerError('malformed', status);
    const type = answer.headers['content-type'];
    // Without the challenge of a 401 the library reads the error in the body, which says more.
    const kept = typeof type === 'string' ? { 'content-type': type } : {};
    return new Response(status === 204 || status === 205 ? null : bytes, { status, headers: kept });
  }
}

/** What breaks on the way has no message of its own: it could name addresses and parts of what was sent. */
async function unlessBroken<Value>(promise: Promise<Value>): Promise<Value> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof AuthorizationServerError) throw error;
    throw new AuthorizationServerError('unreachable');
  }
}

function failureOf(error: unknown, status: number | undefined): unknown {
  // Nothing was sent: the question itself could not be put together, such as with a secret that cannot be read.
  if (status === undefined) return error;
  if (status < 400) return new AuthorizationServerError('malformed', status);
  const code = error instanceof ResponseBodyError ? error.error : undefined;
  const standard = STANDARD_ERRORS.find((known) => known === code);
  return new AuthorizationServerError('refused', status, standard ?? (status === 401 ? 'invalid_client' : undefined));
}
