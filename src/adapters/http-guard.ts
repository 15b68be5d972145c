import type { IncomingMessage } from 'node:http';
import type { Decision } from '../engine/decision.ts';
import type { Engine, IdentityResult } from '../engine/engine.ts';
import type { Entity, Operation } from '../engine/operation.ts';
import { createAuthorityCheck } from '../gateway/http/authority.ts';
import { HTTP_ENTITY, challengeOf, identifyCaller, visibleHeaders } from '../gateway/handlers/caller.ts';
import { httpDenialAnswer } from '../gateway/protocol/denial.ts';
import type { HttpAnswer } from '../gateway/protocol/denial.ts';
import { requestIdOf } from '../gateway/http/exchange.ts';
import { readResourceMetadata } from '../gateway/options/read-options.ts';
import { repeatedHeader } from '../gateway/http/repeated-header.ts';
import { createAdapterHost } from './adapter-host.ts';
import type { AdapterOptions } from './adapter-host.ts';
import type { Hold } from './held-response.ts';
import { judgeAnswer, undecidable } from './http-result.ts';
import { refusal } from './refusal.ts';
import { readArguments } from './route-policy.ts';
import type { RoutePolicy } from './route-policy.ts';

export interface HttpAdapterOptions<Request> extends AdapterOptions<Request> {
  /**
   * Names that clients call the server by, as `name` (any port) or `name:port`, besides the loopback ones. Others are
   * refused with 403, and policy sees the name as `http.host`. Without it every name is served, and policy sees none.
   */
  readonly hosts?: readonly string[];
  /** What clients use, when TLS ends before this server; default what the socket says. */
  readonly scheme?: 'http' | 'https';
  /** URL named in 401 challenges (RFC 9728). */
  readonly resourceMetadata?: string;
  /** Most of an answer that is held back for policy, in bytes; a longer one is denied. Default 16 MiB. */
  readonly maxResultBytes?: number;
}

/** What policy found out about a request; for its handler. */
export interface RequestPolicy {
  readonly entity: Entity;
  /** What the identity plugins of the bundle established. */
  readonly identity: Extract<IdentityResult, { outcome: 'identified' }>['extensions'];
  /** That of `pre`. */
  readonly decision: Decision;
}

export type HttpRuling =
  | { readonly kind: 'denied'; readonly answer: HttpAnswer }
  | {
      readonly kind: 'allowed';
      readonly policy: RequestPolicy;
      /** Present when policy looks at the answer, which has to be held then. */
      readonly hold: Omit<Hold, 'kept'> | undefined;
    };

/** A request as its framework and as node have it. */
export interface GuardedRequest<Request> {
  readonly request: Request;
  readonly raw: IncomingMessage;
  /** As the router compares it; undefined when two handlers could read the target differently. */
  readonly path: string | undefined;
  readonly route: RoutePolicy<Request>;
  /** What an earlier guard found out about the same request; what it restricted stays restricted. */
  readonly earlier: RequestPolicy | undefined;
}

/** Decides whether the handler of a request may run. Never rejects. */
export type HttpGuard<Request> = (guarded: GuardedRequest<Request>) => Promise<HttpRuling>;

const DEFAULT_MAX_RESULT_BYTES = 16 * 1024 * 1024;
const REPEATED_HEADER = refusal(400, 'gateway.repeated_header', 'a header is given twice');
const INVALID_TARGET = refusal(400, 'gateway.invalid_target', 'the request target is not valid');
const FORBIDDEN_HOST = refusal(403, 'gateway.forbidden_host', 'this host name is not served here');
const UNREADABLE = refusal(
  403,
  'gateway.arguments_unreadable',
  'the arguments have no form that policy could decide on',
);
const UNWRITABLE = refusal(403, 'gateway.arguments_unwritable', 'the changed arguments have no place in the request');
const FAILURE = refusal(403, 'gateway.engine_failure', 'the decision failed');

/** Throws `TypeError` for options that cannot be used. */
export function createHttpGuard<Request extends object>(
  engine: Engine,
  options: HttpAdapterOptions<Request>,
): HttpGuard<Request> {
  const host = createAdapterHost(engine, options);
  const authority = options.hosts === undefined ? undefined : createAuthorityCheck('localhost', options.hosts, []);
  const resourceMetadata = readResourceMetadata(options.resourceMetadata);
  const maxBytes = options.maxResultBytes ?? DEFAULT_MAX_RESULT_BYTES;

  const rule: HttpGuard<Request> = async ({ request, raw, path, route, earlier }) => {
    if (repeatedHeader(raw)) return denied(REPEATED_HEADER);
    if (path === undefined) return denied(INVALID_TARGET);
    const hostName = authority?.host(raw.headers.host ?? pseudoHeader(raw, ':authority'));
    if (authority !== undefined && hostName === undefined) return denied(FORBIDDEN_HOST);

    const id = requestIdOf(raw);
    const { entity: named } = route;
    const entity = named === undefined ? HTTP_ENTITY : typeof named === 'function' ? await named(request) : named;
    const caller = await identifyCaller(host, { id, request: raw }, entity);
    if ('code' in caller) {
      const challenge = challengeOf(resourceMetadata, raw.headers.authorization !== undefined);
      return denied(refusal(401, caller.code, caller.reason, ['www-authenticate', challenge]));
    }
    const given = readArguments(request, route);
    if (given === 'unreadable' || (readsBody(route) && hasUnreadBody(request, raw))) return denied(UNREADABLE);
    const operation: Operation = {
      id,
      entity,
      ...(given === undefined ? undefined : { args: given.args }),
      extensions: {
        ...(await options.extensions?.(request)),
        ...caller.identity.extensions,
        http: {
          method: raw.method ?? '',
          path,
          scheme: options.scheme ?? ('encrypted' in raw.socket ? 'https' : 'http'),
          ...(hostName === undefined ? undefined : { host: hostName }),
          request_headers: visibleHeaders(raw.headers, caller, engine),
        },
      },
      credentials: caller.identity.credentials,
      ...(earlier?.decision.constraint ? { constraint: earlier.decision.constraint } : undefined),
    };

    const decision = await host.decider.pre(operation);
    if (decision.decision !== 'allow') return denied(httpDenialAnswer(decision));
    if (decision.modified.args) {
      if (given === undefined || decision.args === undefined) return denied(UNWRITABLE);
      given.write(decision.args);
    }
    const policy: RequestPolicy = { entity, identity: caller.identity.extensions, decision };
    if (engine.examinesResult(operation)) {
      if (raw.headers.upgrade?.toLowerCase() === 'websocket') return judgedAtOnce(undecidable(host, operation));
      const hold = {
        judge: (head: Parameters<Hold['judge']>[0], body: Buffer) => judgeAnswer(host, operation, head, body),
        undecidable: () => undecidable(host, operation),
        maxBytes,
      };
      return { kind: 'allowed', policy, hold };
    }
    // Nothing of the answer is looked at, so `post` need not wait for it, and can still prevent it.
    const after = await host.decider.post(operation, undefined);
    if (after.decision !== 'allow') return denied(httpDenialAnswer(after));
    return { kind: 'allowed', policy, hold: undefined };
  };

  return async (guarded) => {
    try {
      return await rule(guarded);
    } catch (error) {
      host.telemetry.error('the request could not be decided', error);
      return denied(FAILURE);
    }
  };
}

function denied(answer: HttpAnswer): HttpRuling {
  return { kind: 'denied', answer };
}

function judgedAtOnce(judged: ReturnType<typeof undecidable>): HttpRuling {
  return denied(judged.kind === 'denied' ? judged.answer : FAILURE);
}

function readsBody<Request>({ entity, args }: RoutePolicy<Request>): boolean {
  return args === 'body' || (args === undefined && entity !== undefined);
}

/** A body that nobody has parsed yet: its arguments would be none to policy, and the handler could still read them. */
function hasUnreadBody(request: object, raw: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = raw.headers;
  const hasBody = encoding !== undefined || (length !== undefined && length !== '0');
  return hasBody && Reflect.get(request, 'body') === undefined;
}

function pseudoHeader(raw: IncomingMessage, name: string): string | undefined {
  const value = raw.headers[name];
  return typeof value === 'string' ? value : undefined;
}
