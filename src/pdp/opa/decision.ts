import type { DecisionAnswer } from '../../engine/decision-point.ts';
import { stringifyJson } from '../../text/json.ts';
import { boundedText } from '../bounded-text.ts';
import type { QueryPath } from './query.ts';

const MAX_LINES = 16;

/** A rule whose name says that its members are grants; that it has none must not allow. */
const GRANTING = /^(?:allow|grant|permit)/i;

/**
 * The answer that a rule's value stands for; undefined as value is a rule without one. Throws for a value that decides
 * nothing: text, a number, null, an object without a boolean `field`, a collection under a granting name.
 * Source: reference facts on the decision point `opa`, decision.
 */
export function decisionOf(value: unknown, query: QueryPath, field: string): DecisionAnswer {
  const rule = `data.${query.join('.')}`;
  if (value === true) return { outcome: 'allow', diagnostics: [`\`${rule}\` is true`] };
  if (value === false) return denied([`\`${rule}\` is false`]);
  if (value === undefined) return denied([`\`${rule}\` is undefined`]);
  if (Array.isArray(value)) return collection(value, rule, GRANTING.test(query.at(-1) ?? ''));
  if (typeof value !== 'object' || value === null) throw new Error('the value of the rule decides nothing');
  const verdict = member(value, field);
  const lines = [...textsOf(member(value, 'violations')), ...textsOf(member(value, 'errors'))];
  const diagnostics = bounded([`\`${rule}.${field}\` is ${String(verdict)}`, ...lines]);
  if (verdict === true) return { outcome: 'allow', diagnostics };
  if (verdict !== false) throw new Error('the value of the rule has no decision');
  const reason = text(member(value, 'reason')) ?? text(member(value, 'message'));
  const code = text(member(value, 'rule_source')) ?? text(member(value, 'id')) ?? 'opa';
  return { outcome: 'deny', code, ...(reason === undefined ? {} : { reason: boundedText(reason) }), diagnostics };
}

function collection(members: readonly unknown[], rule: string, granting: boolean): DecisionAnswer {
  if (granting) throw new Error('the value of the rule is a collection of grants, which decides nothing');
  if (members.length === 0) return { outcome: 'allow', diagnostics: [`\`${rule}\` is empty`] };
  const count = members.length === 1 ? '1 violation' : `${members.length} violations`;
  return { ...denied(bounded([`\`${rule}\` has ${count}`, ...members.map(line)])), reason: count };
}

function denied(diagnostics: readonly string[]): DecisionAnswer & { readonly outcome: 'deny' } {
  return { outcome: 'deny', code: 'opa', diagnostics };
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(line) : [];
}

function line(value: unknown): string {
  return typeof value === 'string' ? value : (stringifyJson(value) ?? '');
}

function bounded(lines: readonly string[]): readonly string[] {
  const kept = lines.slice(0, MAX_LINES).map(boundedText);
  return lines.length > MAX_LINES ? [...kept, `and ${lines.length - MAX_LINES} more`] : kept;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function member(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
