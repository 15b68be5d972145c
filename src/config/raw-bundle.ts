// Printed from schemas/bundle.schema.json by `npm run generate:types`; change that and print again.

/**
 * Settings that hold for every plugin of the bundle.
 */
export type RawPluginSettings = {
  /**
   * Accepted from existing bundles; routes always apply.
   */
  readonly routing_enabled?: boolean;
  /**
   * Whole seconds that one plugin call may take. Default 30.
   */
  readonly plugin_timeout?: number;
  /**
   * Whether the first deny of concurrent plugins cancels the others. Default true.
   */
  readonly short_circuit_on_deny?: boolean;
  /**
   * Accepted from existing bundles; has no effect.
   */
  readonly parallel_execution_within_band?: boolean;
  /**
   * Accepted from existing bundles; has no effect. Each plugin's `on_error` decides, and its default is `fail`.
   */
  readonly fail_on_plugin_error?: boolean;
  /**
   * Accepted from existing bundles: how many resolved routes are kept. 0 keeps none. Default 10000.
   */
  readonly route_cache_max_entries?: number;
} | null;
/**
 * Accepted from existing bundles; has no effect.
 */
export type RawPluginDirs = readonly string[] | null;
/**
 * The plugins that routes, groups and rules name.
 */
export type RawPlugins = readonly RawPlugin[] | null;
/**
 * What a failed or late call means: `fail` denies, `ignore` goes on, `disable` goes on and stops calling the plugin for a while. Default `fail`.
 */
export type RawOnError = 'fail' | 'ignore' | 'disable';
/**
 * What the plugin may see and change, such as `read_subject` or `append_labels`.
 */
export type RawCapabilities = readonly string[];
/**
 * Any of these matches; an empty list never does.
 */
export type RawConditionValues = readonly string[];
/**
 * Settings of the plugin; its kind says which there are.
 */
export type RawPluginConfig = {
  readonly [k: string]: unknown;
} | null;
/**
 * Policy of every operation, and the wiring of the whole process.
 */
export type RawGlobal = {
  readonly description?: RawDescription;
  readonly metadata?: RawMetadata;
  readonly authentication?: RawAuthentication;
  readonly pdp?: RawDecisionPoints;
  readonly session_store?: RawSessionStore;
  readonly transport_sessions?: RawTransportSessions;
  readonly attribute_files?: RawAttributeFiles;
  readonly authorization?: RawAuthorization;
  readonly pre_invocation?: RawPreInvocation;
  readonly post_invocation?: RawPostInvocation;
  readonly args?: RawArgs;
  readonly result?: RawResult;
  readonly response?: RawResponse;
  readonly plugins?: RawPluginOverrides;
  readonly apl?: RawPolicyTerms;
  readonly defaults?: RawDefaults;
  readonly policies?: RawGroups;
  readonly unmatched?: RawUnmatched;
  readonly sessions?: RawSessions;
  readonly hash_key?: RawHashKey;
} | null;
/**
 * What this section is for, in the author's words.
 */
export type RawDescription = string;
/**
 * Names and values for people and tools; policy does not read them.
 */
export type RawMetadata = {
  readonly [k: string]: string;
} | null;
/**
 * Plugins that establish who is calling: a list that adds to the inherited steps, or a map whose `replace_inherited` drops those (on a route).
 */
export type RawAuthentication =
  | readonly RawAuthenticationStep[]
  | {
      /**
       * On a route: whether the steps of the broader layers are dropped. Default false.
       */
      readonly replace_inherited?: boolean;
      /**
       * Plugins in the order they run.
       */
      readonly steps: readonly RawAuthenticationStep[];
    }
  | null;
/**
 * Name of a plugin, or a map with its name and settings of this step.
 */
export type RawAuthenticationStep =
  | string
  | {
      /**
       * Name of a plugin.
       */
      readonly name: string;
      readonly config?: RawPluginConfig;
      /**
       * Accepted from existing bundles; has no effect. The plugin's own `on_error` decides.
       */
      readonly on_error?: string;
    };
/**
 * External decision points that rules can ask. Read under `global` only.
 */
export type RawDecisionPoints = readonly RawDecisionPoint[];
/**
 * YAML files whose `data` policy reads as `data.…`; paths start from the bundle's folder. Read under `global` only.
 */
export type RawAttributeFiles = readonly string[];
/**
 * A rule as text, such as `require(role.hr)`, or as a map, such as `{when: …, do: …}`.
 */
export type RawRule =
  | string
  | {
      readonly [k: string]: unknown;
    };
/**
 * Rules that run, top to bottom, before the operation is forwarded. The first deny ends it.
 */
export type RawPreInvocation = readonly RawRule[];
/**
 * Rules that run, top to bottom, before the result is returned. The first deny withholds it.
 */
export type RawPostInvocation = readonly RawRule[];
/**
 * Stages from left to right, such as `str | mask(4)`.
 */
export type RawFieldPipeline =
  | string
  | {
      /**
       * Stages from left to right, such as `str | mask(4)`.
       */
      readonly pipeline: string;
      /**
       * Whether the pipeline runs after the one that a broader layer has for the field, instead of replacing it. Default false.
       */
      readonly append?: boolean;
    };
/**
 * Settings that plugins called by rules have here, by plugin name.
 */
export type RawPluginOverrides = {
  readonly [k: string]: RawPluginOverride;
} | null;
/**
 * The policy of this section, as an alternative to writing it directly on the section. Not both.
 */
export type RawPolicyTerms = {
  readonly authorization?: RawAuthorization;
  readonly pre_invocation?: RawPreInvocation;
  readonly post_invocation?: RawPostInvocation;
  readonly args?: RawArgs;
  readonly result?: RawResult;
  readonly plugins?: RawPluginOverrides;
  readonly response?: RawResponse;
  readonly pdp?: RawDecisionPoints;
  readonly session_store?: RawSessionStore;
  readonly transport_sessions?: RawTransportSessions;
  readonly attribute_files?: RawAttributeFiles;
} | null;
/**
 * One layer per entity type, applied after the global layer.
 */
export type RawDefaults = {
  readonly tool?: RawLayer;
  readonly resource?: RawLayer;
  readonly prompt?: RawLayer;
  readonly llm?: RawLayer;
} | null;
/**
 * Policy that several routes share. Its terms stand directly here or under `apl`.
 */
export type RawLayer = {
  readonly description?: RawDescription;
  readonly metadata?: RawMetadata;
  readonly authentication?: RawAuthentication;
  readonly plugins?: RawActivationOrOverrides;
  readonly authorization?: RawAuthorization;
  readonly pre_invocation?: RawPreInvocation;
  readonly post_invocation?: RawPostInvocation;
  readonly args?: RawArgs;
  readonly result?: RawResult;
  readonly response?: RawResponse;
  readonly apl?: RawPolicyTerms;
  readonly pdp?: RawDecisionPoints;
  readonly session_store?: RawSessionStore;
  readonly transport_sessions?: RawTransportSessions;
  readonly attribute_files?: RawAttributeFiles;
} | null;
/**
 * A list activates plugins here. A map overrides settings of plugins that rules call.
 */
export type RawActivationOrOverrides =
  | readonly RawActivation[]
  | {
      readonly [k: string]: RawPluginOverride;
    }
  | null;
/**
 * Name of a plugin, or a map of one name to the settings it has here.
 */
export type RawActivation =
  | string
  | {
      readonly [k: string]: RawPluginOverride;
    };
/**
 * Named layers that routes take up by `groups` or `meta.tags`. The group `all` applies to every route.
 */
export type RawGroups = {
  readonly [k: string]: RawLayer;
} | null;
/**
 * What happens to operations that no route matches, once the global layer and the default of their type have not denied: one decision for all, or one per entity type. Default `deny`, for `http` `allow`.
 */
export type RawUnmatched =
  | ('deny' | 'allow')
  | {
      /**
       * What happens to tools that no route matches.
       */
      readonly tool?: 'deny' | 'allow';
      /**
       * What happens to resources that no route matches.
       */
      readonly resource?: 'deny' | 'allow';
      /**
       * What happens to prompts that no route matches.
       */
      readonly prompt?: 'deny' | 'allow';
      /**
       * What happens to model calls that no route matches.
       */
      readonly llm?: 'deny' | 'allow';
      /**
       * What happens to http requests that no route matches.
       */
      readonly http?: 'deny' | 'allow';
    };
/**
 * How label sessions behave.
 */
export type RawSessions = {
  /**
   * What a session label does when the request has no session: `ignore` drops it, `deny` denies. Default `ignore`.
   */
  readonly on_missing?: 'ignore' | 'deny';
  /**
   * What tells the sessions of one subject apart, strongest first. Default `[host, claim, identity]`.
   *
   * @minItems 1
   * @maxItems 16
   */
  readonly identity?: readonly RawSessionSource[];
  /**
   * `first`: the first source with a value names the session. `union`: each source with a value names one, and the operation reads and labels all of them. Default `first`.
   */
  readonly mode?: 'first' | 'union';
  readonly handle?: RawSessionHandle;
} | null;
/**
 * Where the value comes from that names a session.
 */
export type RawSessionSource =
  | ('host' | 'claim' | 'a2a_context' | 'trace' | 'identity' | 'handle')
  | {
      /**
       * A claim of the verified token, by name; `claim` alone is `session_id`.
       */
      readonly claim?: string;
      /**
       * A key of the request's `_meta`.
       */
      readonly meta?: string;
    };
/**
 * Where a key comes from.
 */
export type RawKeySource =
  | {
      readonly kind: 'env_var';
      /**
       * Name of the environment variable.
       */
      readonly name: string;
    }
  | {
      readonly kind: 'file';
      /**
       * The file; a relative path starts from the bundle's folder.
       */
      readonly path: string;
    };
/**
 * Where the key of the `hash` stage comes from.
 */
export type RawHashKey =
  | {
      readonly kind: 'env_var';
      /**
       * Name of the environment variable.
       */
      readonly name: string;
    }
  | {
      readonly kind: 'file';
      /**
       * The file; a relative path starts from the bundle's folder.
       */
      readonly path: string;
    }
  | {
      readonly kind: 'literal';
      /**
       * The key. Everybody who can read the bundle knows it.
       */
      readonly secret: string;
    };
/**
 * Policy of single tools, resources, prompts and models.
 */
export type RawRoutes = readonly RawRoute[] | null;
/**
 * One name, a list of names, or a glob.
 */
export type RawEntity = string | readonly string[];
/**
 * Tags, scope and properties of the route.
 */
export type RawRouteMeta = {
  /**
   * Each adds the group of its name, when there is one.
   */
  readonly tags?: readonly string[];
  /**
   * The route applies only to requests of this scope.
   */
  readonly scope?: string;
  /**
   * Read by policy as `meta.properties.<name>`.
   */
  readonly properties?: {
    readonly [k: string]: string;
  };
} | null;

/**
 * A policy bundle of Indelible: plugins, the global layer, groups and routes.
 */
export interface RawBundle {
  readonly plugin_settings?: RawPluginSettings;
  readonly plugin_dirs?: RawPluginDirs;
  readonly plugins?: RawPlugins;
  readonly global?: RawGlobal;
  readonly groups?: RawGroups;
  readonly routes?: RawRoutes;
}
/**
 * One plugin: what it is called, which kind makes it, when and how it runs.
 */
export interface RawPlugin {
  /**
   * The name that routes and rules use. Unique in the bundle.
   */
  readonly name: string;
  /**
   * What makes the plugin, such as `identity/jwt`, `delegator/oauth`, `elicitation/ciba`, `validator/pii-scan` or `audit/logger`.
   */
  readonly kind: string;
  /**
   * What the plugin is for, in the author's words.
   */
  readonly description?: string;
  /**
   * Who wrote the plugin.
   */
  readonly author?: string;
  /**
   * Version of the plugin, in quotes.
   */
  readonly version?: string;
  /**
   * Points at which the plugin runs, such as `identity.resolve` or `cmf.tool_pre_invoke`.
   */
  readonly hooks?: readonly string[];
  /**
   * How the plugin runs among others. Default `sequential`.
   */
  readonly mode?: 'sequential' | 'transform' | 'audit' | 'concurrent' | 'fire_and_forget' | 'disabled';
  /**
   * Lower runs first. Default 100.
   */
  readonly priority?: number;
  readonly on_error?: RawOnError;
  readonly capabilities?: RawCapabilities;
  /**
   * For people; nothing reads them.
   */
  readonly tags?: readonly string[];
  /**
   * The plugin runs when any of these matches; without conditions it always does.
   */
  readonly conditions?: readonly RawPluginCondition[];
  readonly config?: RawPluginConfig;
}
/**
 * Matches when every key given here matches the request.
 */
export interface RawPluginCondition {
  readonly server_ids?: RawConditionValues;
  readonly tenant_ids?: RawConditionValues;
  readonly tools?: RawConditionValues;
  readonly prompts?: RawConditionValues;
  readonly resources?: RawConditionValues;
  readonly agents?: RawConditionValues;
  readonly user_patterns?: RawConditionValues;
  readonly content_types?: RawConditionValues;
}
/**
 * A decision point; its `kind` says which other keys there are.
 */
export interface RawDecisionPoint {
  /**
   * What makes the decision point, such as `cedar-direct`, `cel`, `opa` or `authzen`.
   */
  readonly kind: string;
  readonly [k: string]: unknown;
}
/**
 * Where labels of sessions are kept; `kind` says which other keys there are. Read under `global` only. Without it labels are kept in the process.
 */
export interface RawSessionStore {
  /**
   * What makes the store: `memory` or `valkey`, or one that the host registered.
   */
  readonly kind: string;
  readonly [k: string]: unknown;
}
/**
 * Where sessions of the transport are kept, such as those of MCP clients; `kind` says which other keys there are. Read under `global` only. Without it they are kept in the process.
 */
export interface RawTransportSessions {
  /**
   * Where they live: `memory` or `redis`.
   */
  readonly kind: string;
  readonly [k: string]: unknown;
}
/**
 * The rules before and after an operation.
 */
export interface RawAuthorization {
  readonly pre_invocation?: RawPreInvocation;
  readonly post_invocation?: RawPostInvocation;
}
/**
 * What happens to fields of the arguments before they are forwarded, by field.
 */
export interface RawArgs {
  readonly [k: string]: RawFieldPipeline;
}
/**
 * What happens to fields of the result before it is returned, by field.
 */
export interface RawResult {
  readonly [k: string]: RawFieldPipeline;
}
/**
 * The HTTP answer to a denied operation.
 */
export interface RawResponse {
  /**
   * HTTP status.
   */
  readonly status?: number;
  /**
   * Body, sent as written.
   */
  readonly body?: string;
  /**
   * Header names and values.
   */
  readonly headers?: {
    readonly [k: string]: string;
  };
}
/**
 * Settings of a plugin that differ here. Mode, priority, hooks and kind cannot differ.
 */
export interface RawPluginOverride {
  readonly config?: RawPluginConfig;
  readonly capabilities?: RawCapabilities;
  readonly on_error?: RawOnError;
}
/**
 * Signed handles that the gateway gives to clients, and takes back as the source `handle`.
 */
export interface RawSessionHandle {
  readonly key_source: RawKeySource;
  /**
   * Earlier keys whose handles still count.
   *
   * @maxItems 8
   */
  readonly accepted_key_sources?: readonly RawKeySource[];
  /**
   * How long a handle counts; less when the store keeps labels for less. Default 3600.
   */
  readonly ttl_seconds?: number;
  /**
   * Header of requests and responses that carries the handle. Default `Indelible-Session`.
   */
  readonly header?: string;
  /**
   * Key of `_meta` that carries the handle too, such as `com.example/session-handle`. Without it the header alone does.
   */
  readonly meta?: string;
}
/**
 * What it applies to (exactly one of `tool`, `resource`, `prompt`, `llm`) and its policy. The policy terms stand directly here or under `apl`.
 */
export interface RawRoute {
  readonly tool?: RawEntity;
  readonly resource?: RawEntity;
  readonly prompt?: RawEntity;
  readonly llm?: RawEntity;
  readonly description?: RawDescription;
  readonly metadata?: RawMetadata;
  readonly meta?: RawRouteMeta;
  /**
   * A group, or a list of groups, whose layers apply here.
   */
  readonly groups?: string | readonly string[];
  /**
   * A predicate: the route applies only when it holds.
   */
  readonly when?: string;
  readonly authentication?: RawAuthentication;
  readonly plugins?: RawActivationOrOverrides;
  readonly authorization?: RawAuthorization;
  readonly pre_invocation?: RawPreInvocation;
  readonly post_invocation?: RawPostInvocation;
  readonly args?: RawArgs;
  readonly result?: RawResult;
  readonly response?: RawResponse;
  readonly apl?: RawPolicyTerms;
  readonly pdp?: RawDecisionPoints;
  readonly session_store?: RawSessionStore;
  readonly transport_sessions?: RawTransportSessions;
  readonly attribute_files?: RawAttributeFiles;
}
