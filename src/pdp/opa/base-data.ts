import { parseJson } from '../../text/json.ts';

type Data = Readonly<Record<string, unknown>>;

/** A JSON object. Throws an `Error` for the author that names `where`. */
export function parseData(text: string, where: string): Data {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new Error(`\`${where}\` is not JSON`, { cause: error });
  }
  if (!isData(value)) throw new Error(`\`${where}\` is no JSON object`);
  return value;
}

/** Both, object by object. Throws an `Error` for the author where they disagree; `path` is where they stand. */
export function mergeData(base: Data, other: unknown, path: string): Data {
  if (!isData(other)) throw new Error(`\`${path}\` is no object`);
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(other)) {
    const known = merged.get(key);
    if (known === undefined) merged.set(key, value);
    else if (isData(known) && isData(value)) merged.set(key, mergeData(known, value, `${path}.${key}`));
    else throw new Error(`\`${path}.${key}\` is given twice`);
  }
  return Object.fromEntries(merged);
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
