import { getSystemErrorMap } from 'node:util';

/** One line about an error of the operating system, such as `permission denied`; undefined for any other error. */
export function systemErrorText(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const number = 'errno' in error && typeof error.errno === 'number' ? error.errno : undefined;
  const known = number === undefined ? undefined : getSystemErrorMap().get(number);
  if (known !== undefined) return known[1];
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}
