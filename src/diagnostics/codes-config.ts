import type { CatalogEntry } from './catalog-entry.ts';

export const configCodes = {
  'config/syntax': {
    severity: 'error',
    title: 'text that is not YAML',
    explanation:
      'The file does not follow the YAML 1.2 grammar at the marked place. Everything that can be found in one reading is reported; a first mistake can cause later ones.',
    example: 'routes: [{tool: pay}',
  },
  'config/empty': {
    severity: 'error',
    title: 'an empty document',
    explanation:
      'The file holds no YAML node, or only null. An empty file is more likely a failed download or a wrong path than a policy; a bundle that decides nothing is written `{}`.',
    example: '# only a comment',
  },
  'config/too-large': {
    severity: 'error',
    title: 'a document over the size limit',
    explanation:
      'A bundle has at most 8 MiB, and three million tokens. The limit keeps a hostile or mistaken file from exhausting the gateway.',
  },
  'config/too-deep': {
    severity: 'error',
    title: 'a document nested too deeply',
    explanation: 'Collections may stand at most 100 levels inside one another.',
  },
  'config/several-documents': {
    severity: 'error',
    title: 'more than one YAML document in a file',
    explanation:
      'Only one document per file is read; the others would be ignored. A bundle can be split into the files of a folder.',
    example: 'plugins: []\n---\nroutes: []',
  },
  'config/directive': {
    severity: 'error',
    title: 'a YAML directive that is not supported',
    explanation:
      'Bundles are read as YAML 1.2. `%YAML 1.1` would turn words such as `no` and `on` into booleans, so it is refused, as is every directive that has no effect.',
    example: '%YAML 1.1\n---\nroutes: []',
  },
  'config/tag': {
    severity: 'error',
    title: 'a YAML tag with no meaning in a bundle',
    explanation:
      'Only the tags of the YAML core schema are known, and the value must fit the tag. An unquoted text that begins with `!` is read as a tag: quote a rule that begins with a negation.',
    example: 'routes: [{tool: pay, pre_invocation: [!role.hr deny]}]',
  },
  'config/alias': {
    severity: 'error',
    title: 'an alias that cannot be expanded',
    explanation:
      'The alias names no anchor before it, stands inside the node that it names, or exceeds the bounds of 100 aliases and 10,000 expanded nodes for one document.',
    example: 'routes: *routes',
  },
  'config/duplicate-key': {
    severity: 'error',
    title: 'a key defined twice',
    explanation:
      'Both definitions cannot hold, and which one wins would differ between readers. Across the files of a folder every key is defined once, too.',
    example: 'plugins: []\nplugins: []',
  },
  'config/merge-key': {
    severity: 'error',
    title: 'a YAML merge key',
    explanation: '`<<` is not part of YAML 1.2. Read as an ordinary key it would have no effect, so it is refused.',
    example: 'global: {<<: {args: {}}}',
  },
  'config/unsafe-key': {
    severity: 'error',
    title: 'a key that is dangerous as a property name',
    explanation:
      '`__proto__`, `constructor` and `prototype` have a meaning of their own in JavaScript objects and are refused as map keys.',
    example: 'global: {__proto__: {}}',
  },
  'config/non-string-key': {
    severity: 'error',
    title: 'a map key that is not a string',
    explanation:
      'A key that YAML reads as a number, a boolean, null or a collection would be confused with the string spelled alike. Quote it when the string is meant.',
    example: 'groups: {1: {}}',
  },
  'config/not-a-map': {
    severity: 'error',
    title: 'a bundle that is not a map',
    explanation:
      'A bundle, and each file of a bundle folder, is a map of sections such as `global`, `groups` and `routes`.',
    example: '- tool: pay',
  },
  'config/number': {
    severity: 'error',
    title: 'a number outside the supported range',
    explanation: 'Numbers are finite, and integers have at most 400 digits.',
    example: 'plugin_settings: {plugin_timeout: .inf}',
  },
  'config/character': {
    severity: 'error',
    title: 'a character that is not allowed',
    explanation:
      'Control characters, halves of surrogate pairs and carriage returns within a line are read differently by different programs, and hide text from reviewers.',
  },
  'config/unreadable': {
    severity: 'error',
    title: 'a file or folder that cannot be read',
    explanation: 'The path does not exist, is not permitted, or reading it failed.',
  },
  'config/encoding': {
    severity: 'error',
    title: 'a file that is not UTF-8',
    explanation: 'Bundles are UTF-8 text; a byte order mark at the start is accepted. The first wrong byte is marked.',
  },
  'config/no-files': {
    severity: 'error',
    title: 'a folder without bundle files',
    explanation:
      'A bundle folder holds at least one file named `*.yaml` or `*.yml` whose name does not begin with a dot.',
  },
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
