import { finderOf } from './finder-of.ts';
import type { Detector, Finder } from './finding.ts';
import { hiddenText } from './hidden-text.ts';
import { chatMarkup, toolMarkup } from './injection-markup.ts';
import { concealment, instructionOverride, promptDisclosure, roleOverride } from './injection-phrases.ts';

export { chatMarkup, concealment, hiddenText, instructionOverride, promptDisclosure, roleOverride, toolMarkup };

export type InjectionDetectorName =
  | 'instruction_override'
  | 'role_override'
  | 'prompt_disclosure'
  | 'concealment'
  | 'chat_markup'
  | 'tool_markup'
  | 'hidden_text';

export const INJECTION_DETECTORS: readonly Detector<InjectionDetectorName>[] = [
  instructionOverride,
  roleOverride,
  promptDisclosure,
  concealment,
  chatMarkup,
  toolMarkup,
  hiddenText,
];

/**
 * Signs of prompt injection in a text: phrases and delimiters known from attacks. A heuristic: it misses what is worded
 * otherwise or encoded, and finds texts that only speak of attacks, so a finding is a reason for care, and none is no
 * proof. Time linear in the text.
 */
export const findInjection: Finder<InjectionDetectorName> = finderOf(INJECTION_DETECTORS);
