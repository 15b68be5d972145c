import type { Constraint } from './constraint.ts';
import type { InboundCredential } from './inbound-credential.ts';

/** JSON data. Integers that a number would round may come as bigint. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Entity types that routes can name. `http` operations are decided by the global layer alone. */
export const ENTITY_TYPES = ['tool', 'resource', 'prompt', 'llm', 'http'] as const;
export type EntityType = (typeof ENTITY_TYPES)[number];
export type RoutedEntityType = Exclude<EntityType, 'http'>;

export type Phase = 'pre' | 'post';

export interface Entity {
  readonly type: EntityType;
  /** Tool, prompt or model name, resource URI; `*` for `http`. */
  readonly name: string;
  readonly scope?: string;
  /** Tags known only at run time; each adds the group of its name. */
  readonly tags?: readonly string[];
}

/** The authenticated end user or service. Without `id` there is no session. */
export interface Subject {
  readonly id?: string;
  /** Who vouches for `id`; equal ids of two issuers are two principals. */
  readonly issuer?: string;
  readonly type?: 'user' | 'agent' | 'service' | 'system';
  readonly tenant?: string;
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly teams?: readonly string[];
  readonly claims?: Readonly<Record<string, string>>;
}

export interface Client {
  readonly client_id: string;
  readonly client_name?: string;
  /** Default `third_party`. */
  readonly trust_level?: string;
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly teams?: readonly string[];
  readonly authorized_scopes?: readonly string[];
  readonly authorized_audiences?: readonly string[];
  readonly claims?: JsonObject;
}

export interface Workload {
  readonly spiffe_id?: string;
  readonly trust_domain?: string;
  readonly attestor?: string;
  readonly client_id?: string;
  readonly selectors?: readonly string[];
}

export interface Delegation {
  readonly depth?: number;
  readonly delegated?: boolean;
  readonly age_seconds?: number;
  readonly origin_subject_id?: string;
  readonly actor_subject_id?: string;
}

export interface HttpRequest {
  readonly method?: string;
  readonly path?: string;
  /** From the validated authority, never from an unchecked header. */
  readonly host?: string;
  readonly scheme?: string;
  readonly request_headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly response_headers?: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * What the host knows about a request besides its arguments. Members are named as policy names them:
 * `extensions.client.client_id` is `client.client_id` in a predicate.
 */
export interface Extensions {
  readonly subject?: Subject;
  readonly client?: Client;
  readonly caller_workload?: Workload;
  readonly this_workload?: Workload;
  readonly delegation?: Delegation;
  readonly agent?: {
    /** Value the label session is derived from, bound to the subject; for MCP the transport session id. */
    readonly session_id?: string;
    readonly input?: string;
    readonly conversation_id?: string;
    readonly agent_id?: string;
    readonly parent_agent_id?: string;
    readonly turn?: number;
    readonly conversation?: { readonly summary?: string; readonly topics?: readonly string[] };
  };
  readonly http?: HttpRequest;
  readonly meta?: { readonly properties?: Readonly<Record<string, string>> };
  readonly request?: JsonObject;
  readonly llm?: JsonObject;
  readonly mcp?: JsonObject;
  readonly completion?: JsonObject;
  readonly provenance?: JsonObject;
  readonly framework?: JsonObject;
  readonly custom?: JsonObject;
  readonly auth_method?: string;
  readonly classification?: string;
  /** Labels that the host itself puts on the request; read by policy, never stored. */
  readonly labels?: readonly string[];
}

/** Raw attributes by dotted name, laid over those derived from `extensions`. */
export type RawAttributes = Readonly<Record<string, boolean | number | string | readonly string[]>>;

/**
 * What a request says of the session that it belongs to. Only the sources of `global.sessions.identity` read it; but for
 * the handle, which is signed, it is as trustworthy as the sender.
 */
export interface SessionHints {
  /** `_meta` of the request, as parsed. */
  readonly meta?: JsonObject;
  /** W3C trace context; one that is malformed counts as none. */
  readonly traceparent?: string;
  /** Context id of an A2A message. */
  readonly a2aContextId?: string;
  /** What an earlier `decision.handle` was. */
  readonly handle?: string;
}

/** The engine's own mark on an operation: what `pre` found out that `post` needs. */
export const PROGRESS: unique symbol = Symbol('indelible.progress');

/** What a request says of a question to a human, and how its client can be asked. */
export interface OperationElicitation {
  /** Id of the question that the caller comes back with; undefined when there is none. */
  readonly id?: string;
  /** Asks what became of the question; the operation is not to be executed. */
  readonly peek?: boolean;
  /** Whether the client can show its user a form and bring back what was filled in. */
  readonly form?: boolean;
  /**
   * What the form of question `id` brought back. The client says so and nobody proves it, so it answers only a question
   * to the caller themselves whose channel leaves it to their client.
   */
  readonly reply?: FormReply;
  /** Name of the session in which the same call finds its question again without an id; kept, so no secret. */
  readonly session?: string;
}

export interface FormReply {
  readonly outcome: 'approved' | 'denied';
  readonly text?: string;
}

/**
 * One thing an agent attempts. Give the same object to `engine.pre` and then to `engine.post`: the engine marks it, so
 * that both phases decide on the same bundle and `post` knows the message labels and constraints of `pre`.
 */
export interface Operation {
  readonly id?: string;
  readonly entity: Entity;
  readonly args?: JsonValue;
  readonly extensions?: Extensions;
  readonly attributes?: RawAttributes;
  /** What the request itself says of its session. */
  readonly sessionHints?: SessionHints;
  /** What the HTTP request that carried this operation was already restricted to. */
  readonly constraint?: Constraint;
  /** The question to a human that this operation was suspended for; the host may leave it in the HTTP headers instead. */
  readonly elicitation?: OperationElicitation;
  /** Credentials that `engine.identify` found, for plugins that may read them. */
  readonly credentials?: readonly InboundCredential[];
  [PROGRESS]?: object;
}
