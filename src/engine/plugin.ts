import type { Approval } from './elicitation/elicited.ts';
import type { Authentication, GivenAnswer } from './elicitation/question.ts';
import type { InboundCredential } from './inbound-credential.ts';
import type { ArgumentMap, ElicitationVerb } from '../language/ast.ts';
import type { Alarm, Awaitable } from '../session/label-store.ts';
import type { TransportStorage } from '../transport/transport-storage.ts';
import type { SessionIdentity } from '../session/session-identity.ts';
import type { Constraint } from './constraint.ts';
import type {
  Client,
  Delegation,
  Entity,
  Extensions,
  JsonObject,
  JsonValue,
  Phase,
  Subject,
  Workload,
} from './operation.ts';
import type { Consultation, Decision, DelegatedToken, Violation } from './decision.ts';

/** Points at which plugins run. Older spellings of bundles are mapped to these at load. */
export const HOOKS = [
  'identity.resolve',
  'token.delegate',
  'elicit',
  'cmf.tool_pre_invoke',
  'cmf.tool_post_invoke',
  'cmf.llm_input',
  'cmf.llm_output',
  'cmf.prompt_pre_invoke',
  'cmf.prompt_post_invoke',
  'cmf.resource_pre_fetch',
  'cmf.resource_post_fetch',
  'cmf.http_request',
] as const;
export type HookName = (typeof HOOKS)[number];

/** What a plugin may see (`read_…`) and change (`write_…`, `append_…`; each implies reading the same slot). */
export const CAPABILITIES = [
  'read_subject',
  'read_roles',
  'read_permissions',
  'read_teams',
  'read_claims',
  'read_client',
  'read_workload',
  'read_labels',
  'read_agent',
  'read_headers',
  'read_delegation',
  'read_meta',
  'read_request',
  'read_llm',
  'read_mcp',
  'read_completion',
  'read_provenance',
  'read_framework',
  'read_custom',
  'read_inbound_credentials',
  'read_delegated_tokens',
  'write_headers',
  'write_custom',
  'write_delegated_tokens',
  'write_candidate_constraint',
  'append_labels',
  'append_delegation',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

export type PluginMode = 'sequential' | 'transform' | 'audit' | 'concurrent' | 'fire_and_forget' | 'disabled';
export type OnError = 'fail' | 'ignore' | 'disable';

/** What a plugin gets from its process when it is made. */
export interface PluginContext {
  /** Name of the plugin's entry in the bundle. */
  readonly name: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Folder that relative paths of the bundle start from. */
  readonly baseDirectory: string;
  /** Where `env_var` secrets come from. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reports something operators must hear of. Never throws. */
  readonly alarm: (alarm: Alarm) => void;
}

/** What a plugin gets besides, and may know of its entry in the bundle apart from its `config`. */
export interface PluginEntryContext extends PluginContext {
  /**
   * Where a plugin keeps what all replicas must know, under ids of its own such as `elicitation:<id>`; `create` makes a
   * thing happen once. To be asked for at each use, since a reload may bring another.
   */
  readonly transportSessions: () => TransportStorage;
  readonly mode: PluginMode;
  /** Those declared, and those they imply. */
  readonly capabilities: ReadonlySet<Capability>;
}

/** Aborted when the call's time is up or the operation is given up; a plugin that waits must honour it. */
export interface CallContext {
  readonly signal: AbortSignal;
}

/** Credentials as they arrived. Header names are lower case; the first value counts. */
export interface IdentityInput {
  readonly entity: Entity;
  /** Id of the operation or request, for records of refused callers; plugins do not see it. */
  readonly id?: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Who a credential proved to be. Absent members leave what an earlier plugin found. */
export interface Identity {
  readonly subject?: Subject;
  readonly client?: Client;
  readonly caller_workload?: Workload;
  readonly delegation?: Delegation;
}

export type IdentityOutcome =
  | {
      readonly outcome: 'identified';
      readonly identity: Identity;
      /** The credential itself, by role, for plugins with `read_inbound_credentials`; never logged. */
      readonly credential?: InboundCredential;
    }
  | { readonly outcome: 'denied'; readonly violation: Violation };

/** An operation as a plugin may see it: frozen, and only the slots its capabilities reveal. */
export interface PluginInput {
  readonly hook: HookName;
  readonly phase: Phase;
  readonly entity: Entity;
  readonly args: JsonValue | undefined;
  /** Present in `post` only. */
  readonly result: JsonValue | undefined;
  readonly extensions: Extensions;
  /** With `read_labels`: the labels that policy sees in this phase. */
  readonly labels: ReadonlySet<string>;
  /** The field's value when called as a pipeline stage. */
  readonly field?: { readonly path: string; readonly value: JsonValue };
}

/** What a plugin changes. A change that its mode, its capabilities or the phase do not allow fails the call. */
export interface PluginChanges {
  readonly args?: JsonValue;
  readonly result?: JsonValue;
  /** New value of the field when called as a pipeline stage. */
  readonly field?: JsonValue;
  /** With `append_labels`. */
  readonly labels?: readonly string[];
  /** With `write_headers`, in `pre`: headers of the request that goes upstream, by name; null takes one away. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** With `write_custom`: the whole of `extensions.custom` from here on, in `post` too. */
  readonly custom?: JsonObject;
  /** With `write_delegated_tokens`, in `pre`: credentials for the upstream. */
  readonly delegatedTokens?: readonly DelegatedToken[];
  /** With `append_delegation`: one more hop, so that `depth` grows by one; an origin that is known stays. */
  readonly delegation?: Pick<Delegation, 'origin_subject_id' | 'actor_subject_id' | 'age_seconds'>;
  /** With `write_candidate_constraint`: folded with all others, so that it can only narrow. */
  readonly constraint?: Constraint;
}

/** Anything else than one of these counts as a failed call. */
export type PluginOutcome =
  | { readonly outcome: 'allow' }
  | { readonly outcome: 'deny'; readonly violation: Violation }
  | ({ readonly outcome: 'modify' } & PluginChanges);

export interface DelegateInput {
  readonly entity: Entity;
  readonly extensions: Extensions;
  readonly credentials: readonly InboundCredential[];
  /** Every key of the step besides `on_error`. */
  readonly config: ArgumentMap;
}

export type DelegateOutcome =
  | {
      readonly outcome: 'granted';
      /** Visible ASCII without blanks. */
      readonly token: string;
      /** Header that carries the token upstream; none that says how the message is read or routed. */
      readonly header: string;
      readonly audience?: string;
      readonly permissions: readonly string[];
      /** Unix milliseconds. */
      readonly expiresAt?: number;
    }
  | { readonly outcome: 'deny'; readonly violation: Violation };

export interface ElicitInput {
  /** The engine's own id of the question: unguessable, and no secret to whoever is asked. */
  readonly id: string;
  readonly verb: ElicitationVerb;
  readonly entity: Entity;
  readonly extensions: Extensions;
  readonly args: JsonValue | undefined;
  /** The arguments as whoever is asked may see them. */
  readonly shown: JsonValue;
  /** Who calls, for people to read. */
  readonly requester: string;
  /** Who is asked, resolved. */
  readonly from: string;
  /** With its placeholders filled in. */
  readonly purpose?: string;
  readonly channel?: string;
  readonly route?: string;
  /** Place of the step in the bundle: an answer counts for this step only. */
  readonly place: string;
  readonly config: ArgumentMap;
  /** The step's own, in milliseconds. */
  readonly timeout?: number;
  /** Unix milliseconds. */
  readonly askedAt: number;
  /** Unix milliseconds; an answer that comes later does not count. */
  readonly expiresAt: number;
  /** Whether the caller's client can show its user a form; an answer from it is the client's word. */
  readonly form?: boolean;
  /** Undefined when the question is to be put now, else what the plugin last kept of it. */
  readonly state?: JsonValue;
}

/** Anything else than one of these counts as a failed call. */
export type ElicitOutcome =
  | {
      readonly outcome: 'pending';
      /** What the plugin needs to look for the answer, on whatever replica. Never shown to anybody. */
      readonly state?: JsonValue;
      /** Unix milliseconds; read when the question is put. Counts when it is earlier than the step's `timeout` ends. */
      readonly expiresAt?: number;
      /** Puts the question into the operators' list, where it can be answered. Read when the question is put. */
      readonly listed?: boolean;
      /**
       * Where whoever is asked can answer: https, or http on this machine, without credentials or fragment. The caller
       * gets to see it, so it may hold no secret besides the question's id. Read when the question is put.
       */
      readonly page?: string;
      /**
       * Leaves a `confirm` to a form of the caller's own client, where `input.form` says that there is one; fails the
       * call for any other verb. Read when the question is put.
       */
      readonly form?: true;
    }
  | {
      readonly outcome: 'approved';
      /** Who answered; without it whoever was asked. */
      readonly approver?: string;
      /** Information asked for, or a statement attested. */
      readonly text?: string;
      readonly authentication?: Authentication;
    }
  | { readonly outcome: 'denied'; readonly reason?: string }
  | { readonly outcome: 'expired' }
  /** The channel could not be reached. `on_error: continue` goes on when the question was not put yet. */
  | { readonly outcome: 'unavailable'; readonly violation: Violation }
  /** What came back cannot be trusted; always a denial. */
  | { readonly outcome: 'invalid'; readonly violation: Violation };

/** A request from outside to a plugin that asks humans. Header names are lower case. */
export interface CallbackMessage {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** What a human said, and to which question. */
export interface CallbackAnswer {
  /** The question's id. */
  readonly question: string;
  readonly answer: GivenAnswer;
}

/**
 * A decision as a plugin may see it: frozen, and only what its capabilities reveal. What could be large is copied when
 * it is first read.
 */
export interface DecisionRecord {
  /** When the decision stood, in milliseconds since the Unix epoch. */
  readonly time: number;
  /** How long it took, in milliseconds. */
  readonly duration: number;
  readonly operationId: string | undefined;
  /** SHA-256 of the bundle that decided, hex. */
  readonly bundleDigest: string;
  /** `identify`: the caller could not be identified, so that no phase was run. */
  readonly phase: Phase | 'identify';
  /** Hook of the phase; of an `identify` that of `pre`. */
  readonly hook: HookName;
  readonly entity: Entity;
  readonly route: string | undefined;
  readonly decision: Decision['decision'];
  readonly violation: Violation | null;
  /** The step that denied or asked, its file and position as diagnostics have them; undefined when none did. */
  readonly rule:
    | { readonly place: string; readonly file: string; readonly line: number; readonly column: number }
    | undefined;
  /** The decision points asked in this phase, in the order of their answers. */
  readonly consultations: readonly Consultation[];
  /** The humans' approvals that an allowed phase used up, in the order of its steps. */
  readonly approvals: readonly Approval[];
  /** Of the request that carried the operation (W3C Trace Context); undefined when it had none, or none well-formed. */
  readonly traceparent: string | undefined;
  readonly modified: Decision['modified'];
  /** As they are to be forwarded; of a refused operation as they came. */
  readonly args: JsonValue | undefined;
  /** Names of the members of `args`; undefined when they are no map. */
  readonly argumentNames: readonly string[] | undefined;
  readonly extensions: Extensions;
  readonly session: SessionIdentity | undefined;
  /** With `read_labels`, else undefined. */
  readonly labels:
    | {
        /** What policy saw in this phase. */
        readonly before: ReadonlySet<string>;
        /** With those that the phase attached. */
        readonly after: ReadonlySet<string>;
      }
    | undefined;
  /** With `read_delegated_tokens`, else empty: the headers that carry what the phase had minted. */
  readonly delegatedHeaders: readonly string[];
}

/**
 * One plugin of a bundle. It serves the hooks whose method it has. A method that throws, rejects, times out or answers
 * with another shape is a failed call, and the entry's `on_error` decides.
 */
export interface Plugin {
  /** `identity.resolve`. */
  resolveIdentity?(input: IdentityInput, call: CallContext): Awaitable<IdentityOutcome>;
  /** The `cmf.…` hooks, `plugin(name)` steps and pipeline stages. */
  invoke?(input: PluginInput, call: CallContext): Awaitable<PluginOutcome>;
  /** `token.delegate`. */
  delegate?(input: DelegateInput, call: CallContext): Awaitable<DelegateOutcome>;
  /**
   * Looks at the keys of each `delegate` step at load. Throws an `Error` that tells the author why the step cannot work;
   * what it answers is warned of.
   */
  checkDelegate?(config: ArgumentMap): readonly PluginWarning[];
  /**
   * Reads what came to `POST /elicitations/NAME` of the admin listener; undefined when it is not to be trusted. The answer
   * counts for a question that this plugin put.
   */
  readAnswer?(message: CallbackMessage): Awaitable<CallbackAnswer | undefined>;
  /**
   * Looks at the verb of each question at load. Throws an `Error` that tells the author why it cannot be asked; what it
   * answers is warned of.
   */
  checkElicit?(verb: ElicitationVerb): readonly PluginWarning[];
  /** `elicit`. */
  elicit?(input: ElicitInput, call: CallContext): Awaitable<ElicitOutcome>;
  /**
   * Hears of every decision that falls at one of the entry's hooks where the plugin is activated or called by a step,
   * denials included. Nobody waits for it, and nothing it does changes the decision; a throw or rejection is alarmed as
   * `audit_write_failed`. A plugin with `observe` and without `invoke` allows whatever it is asked.
   */
  observe?(record: DecisionRecord): Awaitable<void>;
  /**
   * Asked at once before each phase whose decision `observe` would hear of; a violation denies the phase before any of
   * it runs. A throw or another answer denies with `plugin.<name>.error`.
   */
  admit?(): Violation | undefined;
  /** Called once before the first operation; a rejection makes the load fail. */
  initialize?(): Awaitable<void>;
  close?(): Awaitable<void>;
}

/** Something doubtful in a plugin's config; the bundle loads. */
export interface PluginWarning {
  readonly message: string;
  readonly help?: string;
}

/**
 * Makes the plugins of one `kind`. `configSchema` (JSON Schema 2020-12, closed) describes the entry's `config`, which is
 * checked before `create` sees it. `create` may throw an `Error` that tells the author what is wrong; it must not dial.
 */
export interface PluginKind {
  readonly kind: string;
  readonly configSchema: Readonly<Record<string, unknown>>;
  /** Hooks that plugins of this kind can serve. */
  readonly hooks: readonly HookName[];
  create(config: Readonly<Record<string, unknown>>, context: PluginEntryContext): Plugin;
  /** Looks for what is doubtful in a config that the schema accepts. */
  lint?(config: Readonly<Record<string, unknown>>): readonly PluginWarning[];
}
