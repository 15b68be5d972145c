import type { LabelStore } from './label-store.ts';

/**
 * The label store that compiled routes read and write. Routes capture the reference when they are visited; the store
 * behind it is chosen before that, and on a reload may be the one already in use.
 */
export interface StoreReference {
  store: LabelStore;
}
