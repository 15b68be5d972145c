import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';
import { bundleSchema } from '../../src/config/schema.ts';

const FILE = fileURLToPath(new URL('../../src/config/raw-bundle.ts', import.meta.url));
const FORMATTER = fileURLToPath(new URL('../../node_modules/oxfmt/bin/oxfmt', import.meta.url));

type Schema = Readonly<Record<string, unknown>>;

/** Text of `src/config/raw-bundle.ts`: the types that the bundle schema describes, formatted. */
export async function printRawBundleTypes(): Promise<string> {
  const printed = await compile(prepared(bundleSchema), 'RawBundle', {
    bannerComment:
      '// Printed from schemas/bundle.schema.json by `npm run generate:types`; change that and print again.',
    format: false,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
  });
  const input = printed
    .replace(/^( *)(?="?\w+"?\??: |\[k: string\]: )/gm, '$1readonly ')
    .replace(/(?<!\] ?)\b(\w+)\[\]/g, 'readonly $1[]');
  return execFileSync(process.execPath, [FORMATTER, '--stdin-filepath', FILE], { input, encoding: 'utf8' });
}

/** The schema without what would be printed as another type than is meant. */
function prepared(schema: Schema): Schema {
  const { $id: _id, title: _title, $defs, ...root } = schema;
  const definitions = Object.entries(asSchema($defs)).map(([name, definition]) => {
    const title = `Raw${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
    const { description } = asSchema(definition);
    return [name, { ...alternatives(asSchema(definition)), title, description }] as const;
  });
  return { ...alternatives(root), $defs: Object.fromEntries(definitions) };
}

/** A schema of several types as one alternative a type, each with the keywords that concern it. */
function alternatives(schema: Schema): Schema {
  const { $ref, title: _title, ...rest } = schema;
  // A description beside a reference would print the referenced type once more.
  if ($ref !== undefined) return { $ref };
  const { type, description, oneOf, ...keywords } = inner(rest);
  const text = description === undefined ? {} : { description };
  if (Array.isArray(oneOf) && oneOf.every((branch) => 'type' in branch || '$ref' in branch || 'properties' in branch)) {
    return { ...text, oneOf };
  }
  if (!Array.isArray(type)) return { ...text, ...(type === undefined ? {} : { type }), ...keywords };
  return { ...text, anyOf: type.map((each) => ({ type: each, ...concerning(String(each), keywords) })) };
}

const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items'],
  string: ['enum'],
};

function concerning(type: string, keywords: Schema): Schema {
  return Object.fromEntries(Object.entries(keywords).filter(([name]) => KEYWORDS[type]?.includes(name)));
}

function inner(schema: Schema): Schema {
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (keyword === 'properties') {
        const properties = Object.entries(asSchema(value));
        return [keyword, Object.fromEntries(properties.map(([name, each]) => [name, alternatives(asSchema(each))]))];
      }
      if (keyword === 'oneOf' && Array.isArray(value))
        return [keyword, value.map((each) => alternatives(asSchema(each)))];
      if (keyword === 'items' || (keyword === 'additionalProperties' && typeof value === 'object')) {
        return [keyword, alternatives(asSchema(value))];
      }
      return [keyword, value];
    }),
  );
}

function asSchema(value: unknown): Schema {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not a schema');
  return Object.fromEntries(Object.entries(value));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, await printRawBundleTypes());
