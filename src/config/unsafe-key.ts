const unsafeKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether a map key could be taken for a part of JavaScript's own objects. */
export function isUnsafeKey(key: string): boolean {
  return unsafeKeys.has(key);
}
