import type { SecretConfig } from './secret-source.ts';

/** JSON Schema of a `SecretConfig`: each kind with its own key and no other. */
export function secretSchema(description: string): object {
  return {
    type: 'object',
    writeOnly: true,
    description,
    required: ['kind'],
    properties: {
      kind: { enum: ['env_var', 'file', 'literal'] },
      name: { type: 'string', minLength: 1, description: 'Environment variable, with `kind: env_var`.' },
      path: { type: 'string', minLength: 1, description: 'File, with `kind: file`; its content is trimmed.' },
      secret: { type: 'string', minLength: 1, description: 'The secret itself, with `kind: literal`.' },
    },
    additionalProperties: false,
    allOf: [form('env_var', 'name'), form('file', 'path'), form('literal', 'secret')],
  };
}

function form(kind: SecretConfig['kind'], key: string): object {
  return {
    if: { properties: { kind: { const: kind } }, required: ['kind'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a JSON Schema keyword
    then: { properties: { kind: true, [key]: true }, required: [key], additionalProperties: false },
  };
}
