import type { HttpAnswer } from '../gateway/protocol/denial.ts';
import { jsonText } from '../gateway/json/json-value.ts';

/** The answer to a request that the adapter itself refuses, in the form of a denial. */
export function refusal(status: number, code: string, reason: string, headers: readonly string[] = []): HttpAnswer {
  const body = jsonText({ violation: code, reason, details: {} });
  return { status, headers: ['content-type', 'application/json', ...headers], body };
}
