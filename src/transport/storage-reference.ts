import type { TransportStorage } from './transport-storage.ts';

/**
 * The storage of transport sessions of a bundle. On a reload it may be the one already in use, so whoever uses it asks
 * for it each time.
 */
export interface StorageReference {
  storage: TransportStorage;
}
