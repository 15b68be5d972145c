import type { CatalogEntry } from './catalog-entry.ts';

export const languageCodes = {
  'language/syntax': {
    severity: 'error',
    title: 'a rule, predicate or pipeline does not follow the grammar',
    explanation:
      'The text could not be read at the marked place. The message says what was found and what would have been accepted there.',
    example: "pre_invocation: ['a b']",
  },
  'language/unexpected-character': {
    severity: 'error',
    title: 'a character that no predicate may hold outside quotes',
    explanation:
      'Predicates are made of ASCII names, numbers, quoted strings, brackets and the operators `! & | == != > >= < <=`. Everything else stands in quotes.',
    example: "pre_invocation: ['a $ b: deny']",
  },
  'language/single-equals': {
    severity: 'error',
    title: 'an equals sign that is no operator',
    explanation: 'Equality is written `==`, and the order comparisons are `>`, `>=`, `<` and `<=`.',
    example: `pre_invocation: ["subject.id = 'ann': deny"]`,
  },
  'language/doubled-operator': {
    severity: 'error',
    title: '`&&` or `||`',
    explanation: 'Conjunction is a single `&`, disjunction a single `|`.',
    example: "pre_invocation: ['a && b: deny']",
  },
  'language/unterminated-string': {
    severity: 'error',
    title: 'a string without its closing quote',
    explanation:
      'A string ends at the next quote of the kind it began with. There are no escapes: text with single quotes goes in double quotes, and the other way round.',
    example: `pre_invocation: ["a == 'x: deny"]`,
  },
  'language/unclosed': {
    severity: 'error',
    title: 'a parenthesis or bracket that is never closed',
    explanation: 'Each `(` and `[` outside quotes needs its closing mark, in the right order.',
    example: `pre_invocation: ["(a | b: deny"]`,
  },
  'language/bad-number': {
    severity: 'error',
    title: 'a number written in a form the language does not have',
    explanation:
      'A number is an optional `-`, digits, and optionally `.` with more digits. `1.`, `.5`, `1e3` and `0x10` are not numbers. An argument that is an integer outside ±(2^53−1) goes in quotes, because it would be rounded.',
    example: "pre_invocation: ['args.n > 1e3: deny']",
  },
  'language/bad-name': {
    severity: 'error',
    title: 'a name with characters that names cannot have',
    explanation:
      "A name begins with an ASCII letter or `_` and goes on with letters, digits and `_`. Any other name is written in brackets and quotes, as in `role['hr-admin']`.",
    example: "pre_invocation: ['require(role.hr-admin)']",
  },
  'language/reserved-word': {
    severity: 'error',
    title: 'a reserved word where a path begins',
    explanation:
      '`contains`, `in`, `exists`, `require`, `true` and `false` cannot begin a path. After a dot they are ordinary names.',
    example: "pre_invocation: ['in.x: deny']",
  },
  'language/path-on-right': {
    severity: 'error',
    title: 'a path on the right of a comparison',
    explanation:
      'A comparison and `contains` have a literal on their right, so that a request cannot choose both sides. To ask whether one attribute is among the values of another write `value in set`.',
    example: "pre_invocation: ['subject.type == allowed_types: deny']",
  },
  'language/literal-on-left': {
    severity: 'error',
    title: 'a literal on the left of a comparison',
    explanation: 'A comparison begins with the path of an attribute: `args.n > 5`, not `5 < args.n`.',
    example: "pre_invocation: ['5 < args.n: deny']",
  },
  'language/list-after-in': {
    severity: 'error',
    title: 'a list written out after `in`',
    explanation:
      'The right side of `in` is the path of a set. Put the members into a data file (`attribute_files`), or compare with `==` joined by `|`.',
    example: `pre_invocation: ["subject.type in ['user', 'agent']: deny"]`,
  },
  'language/nested-brackets': {
    severity: 'error',
    title: 'a bracket inside the brackets of a path',
    explanation: 'A bracket holds a plain dotted path or a quoted name. Its path cannot have brackets of its own.',
    example: "pre_invocation: ['data.a[data.b[subject.id]].on: deny']",
  },
  'language/missing-predicate': {
    severity: 'error',
    title: 'no predicate where one must stand',
    explanation: 'An operator lacks its operand, or nothing stands before the `:` of a rule.',
    example: "pre_invocation: [': deny']",
  },
  'language/misplaced-require': {
    severity: 'error',
    title: '`require(...)` as a part of something else',
    explanation:
      '`require(...)` is a whole rule. It is no predicate, has no effect behind it and is no effect: it denies unless what it names holds.',
    example: `pre_invocation: ["require(a): deny('x')"]`,
  },
  'language/mixed-require': {
    severity: 'error',
    title: '`,` and `|` mixed in one `require(...)`',
    explanation:
      '`require(a, b)` asks for all, `require(a | b)` for any. Written together it would be unclear which binds tighter; parentheses say so.',
    example: "pre_invocation: ['require(a, b | c)']",
  },
  'language/missing-effect': {
    severity: 'error',
    title: 'no effect behind a predicate',
    explanation: 'Behind the `:` of a rule stands one effect, such as `deny`.',
    example: "pre_invocation: ['a:']",
  },
  'language/unknown-effect': {
    severity: 'error',
    title: 'an effect that does not exist',
    explanation:
      'The effects are deny, allow, taint, plugin (or run), delegate, the human questions, and field operations such as `args.x | redact`.',
    example: "pre_invocation: ['a: reject']",
  },
  'language/text-after': {
    severity: 'error',
    title: 'text behind something that is already complete',
    explanation: 'Nothing may follow the closing parenthesis of an effect, of `require(...)` or of a stage.',
    example: "args: {v: 'mask(4) please'}",
  },
  'language/bad-argument': {
    severity: 'error',
    title: 'an argument of the wrong form',
    explanation:
      'The message says what the argument must look like. Reasons and codes of `deny` are quoted; options are written `key: value`.',
    example: "pre_invocation: ['a: deny(too_deep)']",
  },
  'language/missing-argument': {
    severity: 'error',
    title: 'an argument that must be there is not',
    explanation: 'Such as the name of a plugin, the label of a taint, or `from` of a question to a human.',
    example: "pre_invocation: ['plugin()']",
  },
  'language/too-many-arguments': {
    severity: 'error',
    title: 'more arguments than can be used',
    explanation: 'What takes no argument or a fixed number of them would ignore the rest.',
    example: `pre_invocation: ["a: deny('x', 'y', 'z')"]`,
  },
  'language/duplicate-key': {
    severity: 'error',
    title: 'the same option twice',
    explanation: 'One of the two would be ignored. `prompt` and `purpose` are two names of the same option.',
    example: "pre_invocation: ['delegate(crm, target: a, target: b)']",
  },
  'language/unknown-key': {
    severity: 'error',
    title: 'a key that nothing reads',
    explanation: 'A key that a rule does not know would be ignored, and with it what its author meant.',
    example: 'pre_invocation: [{when: a, do: deny, els: allow}]',
  },
  'language/missing-key': {
    severity: 'error',
    title: 'a key that must be there is not',
    explanation: '`when` needs `do` and `do` needs `when`; the map form of `delegate` needs `plugin`.',
    example: 'pre_invocation: [{do: deny}]',
  },
  'language/several-keys': {
    severity: 'error',
    title: 'a rule map with several keys',
    explanation:
      'A rule written as a map has one key, except `when`/`do`/`id` and the `on_allow` and `on_deny` of a decision point. Write one rule for each key.',
    example: 'pre_invocation: [{a: [deny], b: [deny]}]',
  },
  'language/wrong-type': {
    severity: 'error',
    title: 'a value of the wrong type',
    explanation: 'A rule is text or a map; the message says what the value at this place must be.',
    example: 'pre_invocation: [5]',
  },
  'language/empty-list': {
    severity: 'error',
    title: 'a list that may not be empty',
    explanation: 'An empty `do`, `sequential` or `parallel` would do nothing, an empty set would match nothing.',
    example: 'pre_invocation: [{when: a, do: []}]',
  },
  'language/unknown-scope': {
    severity: 'error',
    title: 'a scope of a label that does not exist',
    explanation: 'A label is attached to the `session` (stored) or to the `message` (this operation only).',
    example: "pre_invocation: ['taint(secret, global)']",
  },
  'language/unknown-stage': {
    severity: 'error',
    title: 'a pipeline stage that does not exist',
    explanation: 'A misspelt stage would leave a field unchecked or in the clear.',
    example: "args: {v: 'str | redcat'}",
  },
  'language/bad-range': {
    severity: 'error',
    title: 'a range that cannot be read',
    explanation:
      'A range is `low..high` with integer bounds, one of which may be left out; `k` stands for thousands and `m` for millions.',
    example: "args: {v: '0..10g'}",
  },
  'language/empty-range': {
    severity: 'warning',
    title: 'a range that holds no number',
    explanation: 'The lower bound is greater than the upper one, so every value of the field is denied.',
    example: "args: {v: '10..5'}",
  },
  'language/empty-argument': {
    severity: 'warning',
    title: 'an empty place between two commas',
    explanation: 'The empty value is not counted. A value that really is empty is written with quotes.',
    example: "args: {v: 'enum(a,,b)'}",
  },
  'language/bad-regex': {
    severity: 'error',
    title: 'a regular expression that does not compile',
    explanation: 'Patterns are those of RE2: they match in linear time and have no look-around and no back-references.',
    example: `args: {v: 'regex("(")'}`,
  },
  'language/validate-unsupported': {
    severity: 'error',
    title: '`validate(...)` is not a stage',
    explanation: 'There are no named validators. Use `regex("...")` for a pattern or `plugin(name)` for code.',
    example: "args: {v: 'validate(ssn)'}",
  },
  'language/empty-pipeline': {
    severity: 'error',
    title: 'a pipeline without a stage',
    explanation: 'A field rule that does nothing was hardly meant.',
    example: "args: {v: ''}",
  },
  'language/unreachable-stage': {
    severity: 'warning',
    title: 'a stage behind `omit`',
    explanation: '`omit` removes the field and ends its pipeline, so the stages behind it never run.',
    example: "args: {v: 'omit | mask(4)'}",
  },
  'language/bad-field': {
    severity: 'error',
    title: 'a field path that cannot be read',
    explanation:
      "A field is named by a dotted path into the JSON object. `[0]` is an array element, `[*]` every element, `*` every value of an object, `['a.b']` a name with other characters.",
    example: "args: {'a..b': redact}",
  },
  'language/mutation-in-parallel': {
    severity: 'error',
    title: 'a change inside `parallel`',
    explanation:
      'The members of `parallel` each work on their own copy of the operation, so a field operation, a delegation or a question to a human there would have no effect or an unclear one.',
    example: "pre_invocation: [{parallel: [allow, 'args.ssn | redact']}]",
  },
  'language/empty-restriction': {
    severity: 'error',
    title: 'a `restrict` that restricts nothing',
    explanation: 'At least one of the fields besides `on_empty` must be present.',
    example: 'pre_invocation: [{restrict: {}}]',
  },
  'language/limit': {
    severity: 'error',
    title: 'longer or deeper than the language allows',
    explanation: 'Rules have a longest length and a greatest depth, so that loading a bundle stays bounded.',
  },
  'language/looks-like-effect': {
    severity: 'warning',
    title: 'a predicate that reads like a misspelt effect',
    explanation:
      'A rule that is only a name denies when the attribute of that name is true. This name is close to an effect that needs no predicate.',
    example: 'pre_invocation: [dney]',
  },
  'language/stage-in-predicate': {
    severity: 'warning',
    title: 'a predicate that reads like a field operation',
    explanation:
      'Field operations begin with `args.` or `result.`. Anything else joined by `|` is a predicate, which denies and changes no field.',
    example: "pre_invocation: ['arg.ssn | redact']",
  },
} as const satisfies Readonly<Record<string, CatalogEntry>>;
