// @ts-check
// JavaScript, because the loader that runs the sources as they are does not reach into threads on Node 20.
/** @import { LoadedPolicy } from '@open-policy-agent/opa-wasm' */
/** @import { WorkerMessage, WorkerQuestion, WorkerStart } from './wasm-messages.ts' */
import { parentPort, workerData } from 'node:worker_threads';
import { loadPolicy } from '@open-policy-agent/opa-wasm';

/** 64 KiB each. */
const INITIAL_PAGES = 16;
const MAX_PAGES = 4096;

/**
 * Functions of Rego that the library gives to policies. Every other one is compiled into a policy, or missing. Its
 * `regex.split` is left out: it backtracks, over text of the request.
 */
const LIBRARY_FUNCTIONS = new Set(['json.is_valid', 'sprintf', 'yaml.is_valid', 'yaml.marshal', 'yaml.unmarshal']);

// Policies may print, and the library prints for them.
const silent = () => undefined;
Object.assign(console, { log: silent, error: silent });

// The module runs in a thread of its own, because nothing but ending the thread can end an evaluation.
const port = parentPort;
if (port !== null) {
  /** @param {WorkerMessage} message */
  const tell = (message) => port.postMessage(message);
  try {
    /** @type {WorkerStart} */
    const { wasm, data } = workerData;
    const policy = await loadPolicy(Buffer.from(wasm), { initial: INITIAL_PAGES, maximum: MAX_PAGES });
    policy.setData(new TextEncoder().encode(data).buffer);
    tell({ kind: 'ready', entrypoints: Object.keys(policy.entrypoints), missing: missingFunctions(policy) });
    port.on('message', (/** @type {WorkerQuestion} */ { entrypoint, input }) =>
      tell(answer(policy, entrypoint, input)),
    );
  } catch {
    tell({ kind: 'broken' });
  }
}

/**
 * @param {LoadedPolicy} policy
 * @param {string} entrypoint
 * @param {ArrayBuffer} input
 * @returns {WorkerMessage}
 */
function answer(policy, entrypoint, input) {
  try {
    return { kind: 'result', result: policy.evaluate(input, entrypoint) };
  } catch (error) {
    // The policy itself gives up by throwing text; everything else may have left its memory in disorder.
    return { kind: 'error', fatal: error instanceof Error };
  }
}

/**
 * Functions that the policy would only miss when it calls them.
 * @param {LoadedPolicy} policy
 * @returns {readonly string[]}
 */
function missingFunctions({ wasmInstance, mem }) {
  const exports = 'exports' in wasmInstance ? wasmInstance.exports : wasmInstance.instance.exports;
  const { builtins, opa_json_dump: dump } = exports;
  if (typeof builtins !== 'function' || typeof dump !== 'function') throw new Error('no policy');
  const at = dump(builtins());
  const memory = new Uint8Array(mem.buffer);
  const text = new TextDecoder().decode(memory.subarray(at, memory.indexOf(0, at)));
  return Object.keys(JSON.parse(text)).filter((name) => !LIBRARY_FUNCTIONS.has(name));
}
