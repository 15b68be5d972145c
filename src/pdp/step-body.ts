import { didYouMean } from '../diagnostics/nearest.ts';
import type { ArgumentMap, ArgumentValue } from '../language/ast.ts';

/** Throws an `Error` for the author at the first key of `map` that is none of `keys`. */
export function checkKeys(map: ArgumentMap, keys: readonly string[], where: string): void {
  for (const key of Object.keys(map)) {
    if (keys.includes(key)) continue;
    const help = didYouMean(key, keys);
    throw new Error(`${where} has an unknown key \`${key}\`${help === undefined ? '' : `; ${help}`}`);
  }
}

export function isArgumentMap(value: ArgumentValue | undefined): value is ArgumentMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
