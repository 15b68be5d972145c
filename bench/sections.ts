import type { SectionResult } from './result.ts';
import { decisionSection } from './sections/decision.ts';
import { gatewaySection } from './sections/gateway.ts';
import { loadSection } from './sections/load.ts';
import { memorySection } from './sections/memory.ts';
import { operationSection } from './sections/operation.ts';
import { peersSection } from './sections/peers.ts';
import { reloadSection } from './sections/reload.ts';
import { storeSection } from './sections/store.ts';

/** In the order of the table. */
export const SECTIONS: Readonly<Record<string, () => Promise<SectionResult>>> = {
  decision: decisionSection,
  operation: operationSection,
  peers: peersSection,
  store: storeSection,
  gateway: gatewaySection,
  load: loadSection,
  reload: reloadSection,
  memory: memorySection,
};
