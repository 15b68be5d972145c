import { createHmac, type KeyObject } from 'node:crypto';
import { RE2JS } from 're2js';
import validator from 'validator';
import type { Stage } from '../language/ast.ts';
import { canonicalJson } from '../text/json.ts';
import type { AttributeScope } from './attributes.ts';
import { HALTED, OMIT, type FieldAnswer } from './field-path.ts';
import type { Frame } from './frame.ts';
import type { JsonValue } from './operation.ts';
import { compilePredicate } from './predicates.ts';
import { findInjection } from './scan/injection-detectors.ts';
import { findPii } from './scan/pii-detectors.ts';
import { redactFindings, scanValue } from './scan/scan-value.ts';
import { compareNumbers } from './values.ts';

/** What replaces a redacted value. */
export const REDACTED = '[REDACTED]';

/** One stage on one value. `OMIT` ends the pipeline; `HALTED` is a refusal. */
export type CompiledStage = (value: JsonValue, frame: Frame) => FieldAnswer;

export interface StageScope extends AttributeScope {
  /** Key of the `hash` stage. */
  readonly hashKey: KeyObject;
}

/** Compiles a stage that answers at once. Source: policy language section 4, table of stages. */
export function compileStage(stage: Exclude<Stage, { readonly kind: 'plugin' }>, scope: StageScope): CompiledStage {
  switch (stage.kind) {
    case 'type':
      return check(TYPE_CHECKS[stage.type]);
    case 'format': {
      const matches = FORMAT_CHECKS[stage.format];
      return check((value) => typeof value === 'string' && matches(value));
    }
    case 'range': {
      const { minimum, maximum } = stage;
      return check(
        (value) =>
          isInteger(value) &&
          (minimum === undefined || isAtMost(minimum, value)) &&
          (maximum === undefined || isAtMost(value, maximum)),
      );
    }
    case 'length': {
      const { minimum = 0, maximum = Infinity } = stage;
      return check((value) => {
        if (typeof value !== 'string') return false;
        const length = codePoints(value);
        return length >= minimum && length <= maximum;
      });
    }
    case 'enum': {
      const values = new Set(stage.values);
      return check((value) => typeof value === 'string' && values.has(value));
    }
    case 'regex': {
      const pattern = RE2JS.compile(stage.pattern);
      return check((value) => typeof value === 'string' && pattern.test(value));
    }
    case 'mask': {
      const { keep } = stage;
      return (value) => (typeof value === 'string' ? mask(value, keep) : HALTED);
    }
    case 'redact': {
      if (stage.when === undefined) return () => REDACTED;
      const when = compilePredicate(stage.when, scope);
      return (value, frame) => (when(frame) ? REDACTED : value);
    }
    case 'omit':
      return () => OMIT;
    case 'hash':
      return (value) => hash(value, scope.hashKey);
    case 'taint': {
      const taint = { label: stage.label, scopes: stage.scopes };
      return (value, frame) => {
        frame.addTaint(taint);
        return value;
      };
    }
    case 'scan':
      return SCANS[stage.scan];
  }
}

function check(holds: (value: JsonValue) => boolean): CompiledStage {
  return (value) => (holds(value) ? value : HALTED);
}

const TYPE_CHECKS: Readonly<Record<'str' | 'int' | 'bool' | 'float', (value: JsonValue) => boolean>> = {
  str: (value) => typeof value === 'string',
  int: isInteger,
  bool: (value) => typeof value === 'boolean',
  float: (value) => typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value)),
};

function isInteger(value: JsonValue): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value);
}

/** False also when digits that decide it have been rounded away. */
function isAtMost(value: number | bigint, limit: number | bigint): boolean {
  const order = compareNumbers(value, limit);
  return order !== undefined && order <= 0;
}

const FORMAT_CHECKS: Readonly<Record<'email' | 'url' | 'uuid', (text: string) => boolean>> = {
  email: (text) => validator.isEmail(text),
  url: (text) => validator.isURL(text, { protocols: ['http', 'https'], require_protocol: true, require_tld: false }),
  uuid: (text) => validator.isUUID(text, 'loose'),
};

function codePoints(text: string): number {
  let count = 0;
  for (const _character of text) count += 1;
  return count;
}

/** Whether some character takes two UTF-16 units. */
function hasSurrogate(text: string): boolean {
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xf800) === 0xd800) return true;
  return false;
}

function mask(text: string, keep: number): string {
  if (!hasSurrogate(text)) {
    const hidden = text.length - keep;
    return hidden <= 0 ? text : '*'.repeat(hidden) + text.slice(hidden);
  }
  const characters = Array.from(text);
  const hidden = characters.length - keep;
  return hidden <= 0 ? text : '*'.repeat(hidden) + characters.slice(hidden).join('');
}

/** `hash:` and 16 hex digits; equal values give equal digests under one key. */
function hash(value: JsonValue, key: KeyObject): string {
  const digest = createHmac('sha256', key).update(canonicalJson(value)).digest('hex');
  return `hash:${digest.slice(0, 16)}`;
}

const PII_TAINT = { label: 'PII', scopes: ['session'] } as const;
const INJECTION_TAINT = { label: 'injection', scopes: ['session'] } as const;

const SCANS: Readonly<Record<'pii.detect' | 'pii.redact' | 'injection.scan', CompiledStage>> = {
  'pii.detect': (value, frame) => {
    if (scanValue(value, findPii)) frame.addTaint(PII_TAINT);
    return value;
  },
  'pii.redact': (value, frame) => {
    const redacted = redactFindings(value, findPii, REDACTED);
    if (redacted !== value) frame.addTaint(PII_TAINT);
    return redacted;
  },
  'injection.scan': (value, frame) => {
    if (scanValue(value, findInjection)) frame.addTaint(INJECTION_TAINT);
    return value;
  },
};
