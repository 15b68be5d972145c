import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { compileFunction } from 'node:vm';
import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import { stringifyJson } from '../../text/json.ts';
import { importOptional } from '../import-optional.ts';

const PACKAGE = '@cedar-policy/cedar-wasm';
const require = createRequire(import.meta.url);

/** A policy or request was more than the library could take; nothing is known of its answer. */
export class CedarCrash extends Error {
  override readonly name = 'CedarCrash';
}

/** What points keep in the library: each has a number of its own, under which its policies and schema are parsed. */
interface Library {
  api: typeof Cedar;
  /** Grows when the library had to be started afresh, which forgets everything that was parsed. */
  generation: number;
}

// WebAssembly memory and the cache of parsed policies belong to the process, so there is one instance of the library.
let loaded: Library | undefined;
const free: number[] = [];
let used = 0;

/** Loads the library unless it is. Rejects with an `Error` for the author when it is not installed. */
export async function loadCedar(): Promise<void> {
  if (loaded !== undefined) return;
  const api = await importOptional(PACKAGE, async () => instantiate());
  loaded ??= { api, generation: 0 };
}

/**
 * Evaluates the package's CommonJS entry with a JSON of our own: the library takes its input as JSON text, and the usual
 * `stringify` refuses the integers that a number would round. Each call makes a fresh instance.
 */
function instantiate(): typeof Cedar {
  const file = require.resolve(`${PACKAGE}/nodejs`);
  const parameters = ['exports', 'require', 'module', '__filename', '__dirname', 'JSON'];
  const evaluate = compileFunction(readFileSync(file, 'utf8'), parameters, { filename: file });
  const made: { exports: Partial<typeof Cedar> } = { exports: {} };
  const json = { parse: JSON.parse, stringify: exactText };
  Reflect.apply(evaluate, undefined, [made.exports, createRequire(file), made, file, dirname(file), json]);
  if (!isComplete(made.exports)) throw new Error('the package has another form than it had');
  return made.exports;
}

/** The usual text is many times faster to make, and the same wherever it can be made. */
function exactText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return stringifyJson(value);
  }
}

function isComplete(api: Partial<typeof Cedar>): api is typeof Cedar {
  return typeof api.statefulIsAuthorized === 'function' && typeof api.policySetTextToParts === 'function';
}

/** Counts the fresh starts of the library: what was parsed in an earlier generation is gone. */
export function cedarGeneration(): number {
  return loaded?.generation ?? -1;
}

/**
 * Calls the library. Input too deep for it leaves it unusable: then it is started afresh and the call throws
 * `CedarCrash`. Everything else that it throws is passed on.
 */
export function callCedar<Answer>(call: (api: typeof Cedar) => Answer): Answer {
  if (loaded === undefined) throw new Error('the library is not loaded');
  try {
    return call(loaded.api);
  } catch (error) {
    if (!isTrap(error)) throw error;
    loaded.api = instantiate();
    loaded.generation += 1;
    throw new CedarCrash('the library gave up', { cause: error });
  }
}

/** After a trap or an exhausted stack the library's own stack pointer is wrong, so every later call would go wrong too. */
function isTrap(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof Error && error.constructor.name === 'RuntimeError');
}

/** A number for the parsed policies and schema of one point; numbers are used again, because nothing is ever freed. */
export function takeSlot(): number {
  const slot = free.pop();
  if (slot !== undefined) return slot;
  used += 1;
  return used;
}

/** Gives a slot back and lets go of what was parsed under it. */
export function releaseSlot(slot: number): void {
  free.push(slot);
  callCedar((api) => api.preparsePolicySet(slotName(slot), { staticPolicies: {} }));
}

/** What the library calls the policies and the schema of a slot. */
export function slotName(slot: number): string {
  return `indelible-${slot}`;
}
