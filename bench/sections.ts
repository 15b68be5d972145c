import type { SectionResult } from './result.ts';
import { decisionSection } from './sections/decision.ts';
import { loadSection } from './sections/load.ts';
import { memorySection } from './sections/memory.ts';
import { operationSection } from './sections/operation.ts';

/** In the order of the table. */
export const SECTIONS: Readonly<Record<string, () => Promise<SectionResult>>> = {
  decision: decisionSection,
  operation: operationSection,

  load: loadSection,
  memory: memorySection,
};
