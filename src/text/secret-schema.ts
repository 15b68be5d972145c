import type { SecretConfig } from './secret-source.ts';

type Kind = SecretConfig['kind'];

/** The key that each kind takes besides `kind`. */
const KEYS = {
  env_var: ['name', 'Environment variable, with `kind: env_var`.'],
  file: ['path', "File, with `kind: file`; a relative path starts from the bundle's folder. Its content is trimmed."],
  literal: ['secret', 'The secret itself, with `kind: literal`.'],
} as const satisfies Readonly<Record<Kind, readonly [key: string, description: string]>>;

/** JSON Schema of a `SecretConfig` of one of `kinds`: each with its own key and no other. */
export function secretSchema(
  description: string,
  kinds: readonly Kind[] = ['env_var', 'file', 'literal'],
): Readonly<Record<string, unknown>> {
  const keys = kinds.map((kind) => KEYS[kind]);
  return {
    type: 'object',
    writeOnly: true,
    description,
    required: ['kind'],
    properties: {
      kind: { enum: kinds },
      ...Object.fromEntries(keys.map(([key, said]) => [key, { type: 'string', minLength: 1, description: said }])),
    },
    additionalProperties: false,
    allOf: kinds.map((kind) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      // oxlint-disable-next-line unicorn/no-thenable -- a JSON Schema keyword
      then: {
        properties: { kind: true, [KEYS[kind][0]]: true },
        required: [KEYS[kind][0]],
        additionalProperties: false,
      },
    })),
  };
}
