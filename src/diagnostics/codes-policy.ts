import type { CatalogEntry } from './catalog-entry.ts';

/** Findings of compiling the policy of a bundle: names, layers, routes, wiring. */
export const policyCodes = {
  'config/undeclared-plugin': {
    severity: 'error',
    title: 'a plugin that the bundle does not declare',
    explanation: 'A step, a list or an override names a plugin that has no entry under `plugins:`.',
    example: "routes: [{tool: pay, pre_invocation: ['plugin(scanner)']}]",
  },
  'config/disabled-plugin': {
    severity: 'error',
    title: 'a step calls a plugin that is switched off',
    explanation:
      'The plugin has mode `disabled`, so the step would check nothing. Remove the step or give the plugin another mode.',
  },
  'config/unknown-kind': {
    severity: 'error',
    title: 'a kind that nothing provides',
    explanation:
      'A plugin, decision point or session store has a kind that neither this package nor the host registered. The message lists the known kinds.',
    example: 'plugins: [{name: scanner, kind: validator/unheard-of}]',
  },
  'config/unknown-hook': {
    severity: 'error',
    title: 'a hook that does not exist or that the kind does not serve',
    explanation: 'The plugin would never be called at this hook.',
  },
  'config/duplicate-name': {
    severity: 'error',
    title: 'two plugins of one name',
    explanation: 'Plugins are called by name, so each name stands for one plugin.',
    example: 'plugins: [{name: scan, kind: a}, {name: scan, kind: b}]',
  },
  'config/plugin-config': {
    severity: 'error',
    title: 'the config of a plugin, decision point or session store is wrong',
    explanation:
      'The entry does not have the shape that its kind asks for, or the kind refused it. The message says why.',
  },
  'config/plugin-doubt': {
    severity: 'warning',
    title: 'something doubtful in the config of a plugin, or in a step for it',
    explanation:
      'The plugin accepts its config, or the keys of a step that calls it, and doubts that they are meant so. The message says what it doubts.',
    example:
      'plugins: [{name: login, kind: identity/jwt, config: {trusted_issuers: [{issuer: a, algorithms: [HS256], decoding_key: {kind: secret, secret: 0123456789abcdef0123456789abcdef}}]}}]',
  },
  'config/elicitation-doubt': {
    severity: 'warning',
    title: 'a question to a human that may not protect what it seems to',
    explanation:
      'The rule asks a human, and something about it is doubtful: the question comes after the operation has run, the caller chooses who is asked, the time cannot be read, or the channel cannot carry the answer. The message says which.',
    example:
      "plugins: [{name: desk, kind: elicitation/local}]\nroutes: [{tool: pay, pre_invocation: ['require_approval(desk, from: args.boss)']}]",
  },
  'config/elicitation-step': {
    severity: 'error',
    title: 'a plugin refuses to ask this question',
    explanation:
      'The channel cannot carry a question of this verb in a way that could be trusted: every call of it would be denied. The message is its own.',
    example:
      "plugins: [{name: own, kind: elicitation/mcp}]\nroutes: [{tool: pay, pre_invocation: ['require_approval(own, from: claim.manager)']}]",
  },
  'config/unknown-dialect': {
    severity: 'error',
    title: 'no decision point answers for this key',
    explanation:
      'A map step with one key asks a decision point; none is declared for this key, or a step name is misspelt.',
    example: "routes: [{tool: pay, pre_invocation: [{cell: {expr: 'true'}}]}]",
  },
  'config/duplicate-dialect': {
    severity: 'error',
    title: 'two decision points for one dialect',
    explanation: 'A step asks its dialect, so each dialect has one decision point.',
  },
  'config/delegate-step': {
    severity: 'error',
    title: 'a plugin refuses the keys of a `delegate` step',
    explanation:
      'The plugin cannot mint a credential for a step that is written so: every call of it would fail. The message is its own.',
    example: `plugins:
  - name: exchange
    kind: delegator/oauth
    config: {token_endpoint: 'https://login.example.com/token', client_id: gateway, client_secret_source: {kind: literal, secret: s}}
routes: [{tool: t, pre_invocation: ['delegate(exchange, permissions: [read])']}]`,
  },
  'config/decision-point-step': {
    severity: 'error',
    title: 'a decision point refuses the step',
    explanation: 'The decision point could not prepare the question of this step. The message is its own.',
  },
  'config/decision-point-doubt': {
    severity: 'warning',
    title: 'a decision point doubts the step',
    explanation:
      'The step loads, but something in it is probably not meant, such as a variable that no request has. The message is the decision point’s own.',
  },
  'config/parallel-modifies': {
    severity: 'error',
    title: 'a plugin that may modify runs inside `parallel`',
    explanation: 'Members of a parallel group work on copies, so what such a plugin changes would be lost.',
  },
  'config/unknown-group': {
    severity: 'error',
    title: 'a group that does not exist',
    explanation: 'A route names a group that has no entry under `groups:`, so its policy would silently not apply.',
    example: 'routes: [{tool: pay, groups: finance}]',
  },
  'config/apl-and-flat': {
    severity: 'error',
    title: 'policy terms both under `apl` and beside it',
    explanation: 'With an `apl:` key the terms beside it are not read, so one of the two would be ignored.',
    example: 'routes: [{tool: pay, apl: {pre_invocation: [allow]}, pre_invocation: [deny]}]',
  },
  'config/phase-twice': {
    severity: 'error',
    title: 'one phase written in two places of a section',
    explanation: 'A phase stands either under `authorization` or directly on its section, not in both.',
  },
  'config/conditional-authentication': {
    severity: 'error',
    title: 'a route with a condition asks for authentication of its own',
    explanation:
      'Who calls is established before the arguments and labels that `when` reads are known, so the route’s authentication would not run. Ask for it globally or by a default of the entity type.',
    example: "routes: [{tool: pay, when: 'args.amount > 100', authentication: [strong]}]",
  },
  'config/duplicate-route': {
    severity: 'error',
    title: 'two routes for the same entity and scope',
    explanation: 'Only the first could ever apply. Join them, or tell them apart with `meta.scope` or `when`.',
    example: 'routes: [{tool: pay, pre_invocation: [deny]}, {tool: pay}]',
  },
  'config/route-shadowed': {
    severity: 'warning',
    title: 'an earlier route of equal weight takes this one’s requests',
    explanation: 'Of two equally specific routes for one name the first written wins.',
  },
  'config/glob-in-list': {
    severity: 'warning',
    title: 'a wildcard in a list of names',
    explanation:
      'Members of a list are exact names, so `*` and `?` in one stand for themselves. Write the pattern as a route of its own.',
    example: "routes: [{tool: ['hr-*', pay]}]",
  },
  'config/global-only-key': {
    severity: 'warning',
    title: 'wiring of the whole process at a narrower scope',
    explanation:
      '`pdp`, `session_store`, `transport_sessions` and `attribute_files` act under `global` only; here they have no effect.',
    example: 'routes: [{tool: pay, session_store: {kind: memory}}]',
  },
  'config/response-scope': {
    severity: 'warning',
    title: 'a `response` where none is read',
    explanation:
      '`response` is read on routes and on `global`; it is not inherited, so on defaults and groups it has no effect.',
  },
  'config/pipeline-weakened': {
    severity: 'warning',
    title: 'a pipeline drops the protection of a broader layer',
    explanation:
      'A more specific pipeline replaces the broader one of the same field, and this one lacks a stage that protected the field. `append: true` runs both.',
  },
  'config/unused-override': {
    severity: 'warning',
    title: 'an override that no step uses',
    explanation: 'The overridden plugin is not called by any step of the effective route.',
  },
  'config/inactive-plugin': {
    severity: 'warning',
    title: 'a plugin that nothing activates',
    explanation: 'No list activates the plugin and no step calls it, so it never runs.',
  },
  'config/unknown-attribute': {
    severity: 'warning',
    title: 'an attribute that no request has',
    explanation:
      'The name is none of those that requests, tokens or attribute files give, so the predicate reads nothing unless the host passes a raw attribute of this name.',
    example: "routes: [{tool: pay, pre_invocation: ['require(rolle.hr)']}]",
  },
  'config/attribute-phase': {
    severity: 'warning',
    title: 'an attribute that this phase does not have',
    explanation: '`result.*` exists after the operation only, so a rule of the phase before it reads nothing.',
  },
  'config/hash-key-missing': {
    severity: 'warning',
    title: '`hash` without a key of the bundle',
    explanation:
      'Without `global.hash_key` the key is made at random at every load, so that digests of two loads or two nodes differ.',
  },
  'config/secret': {
    severity: 'error',
    title: 'a secret cannot be read',
    explanation: 'The environment variable is not set, the file cannot be read, or what it holds is empty.',
  },
  'config/attribute-file': {
    severity: 'error',
    title: 'an attribute file cannot be used',
    explanation:
      'Attribute files are YAML with `data` as their only key. The message says what is wrong with this one.',
  },
  'config/attribute-conflict': {
    severity: 'error',
    title: 'two attribute files disagree',
    explanation: 'Files are merged key by key; the same leaf with two values would depend on the order.',
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;
