import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

/** A JSON Schema 2020-12 as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** One keyword that a value does not satisfy. */
export interface SchemaError {
  readonly keyword: string;
  /** Map keys and 0-based list indexes from the root of the checked value. */
  readonly path: readonly string[];
  /** Place of the keyword in the schema, as a JSON pointer behind `#`; references are followed. */
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** The keyword's own value. */
  readonly schema: unknown;
  /** The schema that holds the keyword. */
  readonly parentSchema: JsonSchema;
  /** The value at `path`. */
  readonly data: unknown;
  /** Present when the keyword was applied to the name of a key instead of a value. */
  readonly propertyName?: string;
}

// Patterns come with schemas, but the text they meet comes from outside: matching must take linear time.
const linearTimePattern = Object.assign(
  (pattern: string, flags: string) => {
    const compiled = RE2JS.compile(pattern);
    // Compiled schemas tell their patterns apart by this text.
    return { test: (text: string) => compiled.test(text), toString: () => `/${pattern}/${flags}` };
  },
  { code: 'linearTimePattern' },
);

let shared: Ajv2020 | undefined;

function ajv(): Ajv2020 {
  shared ??= new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: true,
    strictRequired: false,
    strictTypes: false,
    allowUnionTypes: true,
    ownProperties: true,
    discriminator: true,
    code: { regExp: linearTimePattern },
  });
  return shared;
}

const compiled = new WeakMap<JsonSchema, ValidateFunction>();

/**
 * Every error of `value` under `schema`, in the order found; none means valid. A schema is compiled on first use and
 * kept as long as the object lives. Throws when `schema` itself is not a valid JSON Schema 2020-12.
 */
export function schemaErrors(schema: JsonSchema, value: unknown): readonly SchemaError[] {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv().compile(schema);
    compiled.set(schema, validate);
  }
  return validate(value) ? [] : (validate.errors ?? []).map(asSchemaError);
}

function asSchemaError(error: ErrorObject): SchemaError {
  return {
    keyword: error.keyword,
    path: error.instancePath.split('/').slice(1).map(unescapePointer),
    schemaPath: error.schemaPath,
    params: error.params,
    schema: error.schema,
    parentSchema: error.parentSchema ?? {},
    data: error.data,
    ...(error.propertyName === undefined ? {} : { propertyName: error.propertyName }),
  };
}

function unescapePointer(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
