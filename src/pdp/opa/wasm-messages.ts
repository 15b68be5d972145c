/** What the worker is started with. */
export interface WorkerStart {
  readonly wasm: Uint8Array;
  /** JSON text of the base documents. */
  readonly data: string;
}

export interface WorkerQuestion {
  readonly entrypoint: string;
  /** JSON, UTF-8. */
  readonly input: ArrayBuffer;
}

/**
 * `ready` comes once, with the rules that can be asked for and the functions the policy needs and the library lacks;
 * then one `result` or `error` a question. `broken`: the policy cannot be loaded.
 */
export type WorkerMessage =
  | { readonly kind: 'ready'; readonly entrypoints: readonly string[]; readonly missing: readonly string[] }
  | { readonly kind: 'broken' }
  | { readonly kind: 'result'; readonly result: unknown }
  /** `fatal`: the worker must be replaced. */
  | { readonly kind: 'error'; readonly fatal: boolean };
