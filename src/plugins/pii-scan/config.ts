import { PII_DETECTORS, type PiiDetectorName } from '../../engine/scan/pii-detectors.ts';

export type DetectConfig =
  | { readonly kind: PiiDetectorName }
  | { readonly kind: 'custom'; readonly name: string; readonly regex: string };

export type ScanMode = 'deny' | 'redact' | 'taint' | 'audit';

/** Config of `validator/pii-scan`; source: reference facts on the built-in kinds, content plugins. */
export interface PiiScanConfig {
  readonly detect?: readonly DetectConfig[];
  readonly mode?: ScanMode;
}

export const DEFAULT_DETECT: readonly DetectConfig[] = [{ kind: 'ssn' }, { kind: 'credit_card' }];

const custom = { properties: { kind: { const: 'custom' } }, required: ['kind'] };

const detect = {
  type: 'object',
  required: ['kind'],
  properties: {
    kind: {
      enum: [...PII_DETECTORS.map(({ name }) => name), 'custom'],
      description: 'What to look for. `custom` needs `name` and `regex`.',
    },
    name: { type: 'string', minLength: 1, description: 'What denials call a find of `regex`.' },
    regex: {
      type: 'string',
      minLength: 1,
      description: 'RE2 syntax, unanchored. Meets the text with look-alike digits, dashes and blanks as ASCII, too.',
    },
  },
  additionalProperties: false,
  if: custom,
  // oxlint-disable-next-line unicorn/no-thenable -- a JSON Schema keyword
  then: { properties: { kind: true, name: true, regex: true }, required: ['name', 'regex'] },
  else: { properties: { kind: true }, additionalProperties: false },
};

export const piiScanConfigSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  properties: {
    detect: {
      type: 'array',
      minItems: 1,
      items: detect,
      default: DEFAULT_DETECT,
      description: 'What to look for in arguments and results, names of members included.',
    },
    mode: {
      enum: ['deny', 'redact', 'taint', 'audit'],
      default: 'deny',
      description:
        'On a find: refuse with `pii.detected`, replace what was found by `[PII]`, label the session `PII` (capability `append_labels`), or only raise the alarm `pii_found`.',
    },
  },
  additionalProperties: false,
};
