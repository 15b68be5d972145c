import type { JsonValue } from '../../engine/operation.ts';
import type { Plugin, PluginEntryContext, PluginInput, PluginMode, PluginOutcome } from '../../engine/plugin.ts';
import { finderOf } from '../../engine/scan/finder-of.ts';
import type { Detector, Finder } from '../../engine/scan/finding.ts';
import { PII_DETECTORS } from '../../engine/scan/pii-detectors.ts';
import { redactFindings, scanValue } from '../../engine/scan/scan-value.ts';
import { definePlugin } from '../define-plugin.ts';
import { DEFAULT_DETECT, piiScanConfigSchema, type DetectConfig, type PiiScanConfig } from './config.ts';
import { customDetectors } from './custom-detector.ts';

const LABEL = 'PII';
const REPLACEMENT = '[PII]';
const ALLOW: PluginOutcome = Object.freeze({ outcome: 'allow' });
const TAINT: PluginOutcome = Object.freeze({ outcome: 'modify', labels: Object.freeze([LABEL]) });

/** A denial by a plugin of these modes can come to nothing, so what it found would go unnoticed. */
const WITHOUT_SAY: ReadonlySet<PluginMode> = new Set(['transform', 'audit', 'fire_and_forget']);

function create(config: Readonly<PiiScanConfig>, context: PluginEntryContext): Plugin {
  const mode = config.mode ?? 'deny';
  refuseUnfit(mode, context);
  const find = finderOf((config.detect ?? DEFAULT_DETECT).flatMap(detectorsOf));

  const report = (input: PluginInput, detectors: readonly string[]): void =>
    context.alarm({
      alarm: 'pii_found',
      plugin: context.name,
      hook: input.hook,
      // The URI of a resource may hold personal data itself.
      ...(input.entity.type === 'resource' ? {} : { entity: input.entity.name }),
      detectors: detectors.join(', '),
    });

  const check = (input: PluginInput, value: JsonValue): PluginOutcome => {
    switch (mode) {
      case 'deny': {
        const detector = firstDetector(value, find);
        if (detector === undefined) return ALLOW;
        if (WITHOUT_SAY.has(context.mode)) report(input, [detector]);
        const reason = `personal data was found by the detector \`${detector}\``;
        return { outcome: 'deny', violation: { code: 'pii.detected', reason, details: {} } };
      }
      case 'redact': {
        const redacted = redactFindings(value, find, REPLACEMENT);
        return redacted === value ? ALLOW : { outcome: 'modify', [subjectOf(input)]: redacted };
      }
      case 'taint':
        return firstDetector(value, find) === undefined ? ALLOW : TAINT;
      case 'audit': {
        const detectors = allDetectors(value, find);
        if (detectors.length > 0) report(input, detectors);
        return ALLOW;
      }
    }
  };

  return {
    invoke: (input) => {
      const value = input.field === undefined ? input[subjectOf(input)] : input.field.value;
      return value === undefined ? ALLOW : check(input, value);
    },
  };
}

/** Refuses an entry whose other keys would keep the plugin from doing what its config says. */
function refuseUnfit(
  mode: NonNullable<PiiScanConfig['mode']>,
  { mode: entryMode, capabilities }: PluginEntryContext,
): void {
  if (mode === 'taint' && !capabilities.has('append_labels')) {
    throw new Error('`mode: taint` in `config` needs the capability `append_labels`');
  }
  const mayChange = entryMode === 'sequential' || entryMode === 'transform' || entryMode === 'disabled';
  if ((mode === 'redact' || mode === 'taint') && !mayChange) {
    throw new Error(`\`mode: ${mode}\` in \`config\` changes something, and a plugin of mode \`${entryMode}\` may not`);
  }
}

function detectorsOf(config: DetectConfig): readonly Detector[] {
  if (config.kind === 'custom') return customDetectors(config.name, config.regex);
  return PII_DETECTORS.filter(({ name }) => name === config.kind);
}

function subjectOf(input: PluginInput): 'field' | 'args' | 'result' {
  if (input.field !== undefined) return 'field';
  return input.phase === 'pre' ? 'args' : 'result';
}

function firstDetector(value: JsonValue, find: Finder): string | undefined {
  let first: string | undefined;
  scanValue(value, (text) => {
    const findings = find(text);
    first ??= findings[0]?.detector;
    return findings;
  });
  return first;
}

function allDetectors(value: JsonValue, find: Finder): readonly string[] {
  const names = new Set<string>();
  scanValue(value, (text) => {
    for (const { detector } of find(text)) names.add(detector);
    return [];
  });
  return [...names].toSorted();
}

/**
 * Looks for personal data in the whole of the arguments (`pre`), the result (`post`) or the field it is called on.
 * Source: plugin specification, "Built-in kinds".
 */
export const piiScan = definePlugin<PiiScanConfig>({
  kind: 'validator/pii-scan',
  configSchema: piiScanConfigSchema,
  hooks: [
    'cmf.tool_pre_invoke',
    'cmf.tool_post_invoke',
    'cmf.llm_input',
    'cmf.llm_output',
    'cmf.prompt_pre_invoke',
    'cmf.prompt_post_invoke',
    'cmf.resource_pre_fetch',
    'cmf.resource_post_fetch',
  ],
  create,
});
