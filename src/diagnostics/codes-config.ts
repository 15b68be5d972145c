import type { CatalogEntry } from './catalog-entry.ts';

export const configCodes = {
  'config/unknown-key': {
    severity: 'error',
    title: 'a key that nothing reads',
    explanation:
      'The bundle schema is closed: a key it does not know would be ignored, so the control its author meant would silently not apply.',
    example: 'routes: [{tool: pay, pre_invocaton: [deny]}]',
  },
  'config/missing-key': {
    severity: 'error',
    title: 'a required key is missing',
    explanation:
      'The map at the marked place lacks a key that it cannot do without, such as the `kind` of a session store.',
    example: 'global: {session_store: {endpoint: "localhost:6379"}}',
  },
  'config/wrong-value': {
    severity: 'error',
    title: 'a value of the wrong shape',
    explanation:
      'The value is of another type than the key takes, is empty, or is outside of what is accepted. A key written without a value counts too: what its author meant to put there would not apply.',
    example: 'routes: [{tool: pay, pre_invocation: require(authenticated)}]',
  },
  'config/renamed-key': {
    severity: 'error',
    title: 'a key that has another name now',
    explanation:
      '`policy` is written `authorization.pre_invocation`, `post_policy` is written `authorization.post_invocation`, and `identity` is written `authentication`. The old names are refused so that no rule is dropped.',
    example: 'routes: [{tool: pay, policy: [deny]}]',
  },
  'config/route-entity': {
    severity: 'error',
    title: 'a route that does not say what it applies to',
    explanation:
      'A route names exactly one of `tool`, `resource`, `prompt` and `llm`. Without one it would never apply.',
    example: 'routes: [{pre_invocation: [deny]}]',
  },
  'config/malformed-response': {
    severity: 'warning',
    title: 'a response that cannot be sent',
    explanation:
      'The `response` has a status outside 100 to 599, or a body or header that is not a string. It is left out as a whole: a denied operation is still denied, and gets the usual answer.',
    example: 'routes: [{tool: pay, pre_invocation: [deny], response: {status: forbidden}}]',
  },
  'config/no-effect': {
    severity: 'warning',
    title: 'a key that does nothing where it stands',
    explanation:
      'Existing bundles may have this key, so it is accepted, but nothing follows from it here. The message says what does have the effect.',
    example: 'groups: {finance: {authentication: {replace_inherited: true, steps: [jwt]}}}',
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;
