import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { catalog, type Code } from '../../src/diagnostics/catalog.ts';
import type { Report } from '../../src/diagnostics/report.ts';

/** A finding as fixtures write it: the code without its room, and the underlined text. */
export type Finding = readonly [slug: string, underlined: string];

/** One case of a language table: what is written, how it prints when it parses, what is found in it. */
export interface Case {
  readonly written: string;
  readonly printed?: unknown;
  readonly errors: readonly Finding[];
}

/** The cases of `fixtures/language/<name>.yaml`; `key` is the key of the written text. */
export function casesOf(name: string, key: 'text' | 'rule'): readonly Case[] {
  const rows: unknown = parse(readFileSync(new URL(`../../fixtures/language/${name}.yaml`, import.meta.url), 'utf8'));
  assert.ok(Array.isArray(rows));
  return rows.map((row: unknown) => {
    assert.ok(isRecord(row));
    const { [key]: written, printed, errors = [], ...rest } = row;
    assert.deepEqual(rest, {}, `unknown keys in ${name}`);
    assert.ok(typeof written === 'string' && Array.isArray(errors), `bad case in ${name}: ${JSON.stringify(row)}`);
    return { written, printed, errors: errors.map(findingOf) };
  });
}

function findingOf(value: unknown): Finding {
  assert.ok(Array.isArray(value) && value.length === 2);
  const [slug, underlined]: unknown[] = value;
  assert.ok(typeof slug === 'string' && typeof underlined === 'string');
  return [slug, underlined];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The findings of a report in the form of the fixtures, in the order they stand in the text. */
export function findingsOf(report: Report): readonly Finding[] {
  return report.diagnostics.map(({ code, span }) => [
    code.replace('language/', ''),
    span.source.text.slice(span.start, span.end),
  ]);
}

/** Whether every finding of a case is only a warning, so that it parses. */
export function onlyWarns(errors: readonly Finding[]): boolean {
  return errors.every(([slug]) => catalog[codeOf(slug)].severity === 'warning');
}

/** The code that a fixture's slug stands for; fails when there is none. */
export function codeOf(slug: string): Code {
  const code = codes.find((each) => each === `language/${slug}`);
  assert.ok(code, `no code language/${slug}`);
  return code;
}

const codes = Object.keys(catalog).filter((code): code is Code => code in catalog);

/** A tree without what depends on where it was written. */
export function withoutPlaces(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(withoutPlaces);
  if (!isRecord(tree)) return tree;
  const places = new Set(['range', 'text', 'predicateText', 'bodyNode']);
  const isSegment = tree['kind'] === 'name' || tree['kind'] === 'literal';
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([key]) => isSegment || !places.has(key))
      .map(([key, value]) => [key, withoutPlaces(value)]),
  );
}
