import type { Bundle } from './bundle.ts';

/** Ends a bundle that no engine uses, its stores included. Rejects with the first failure once all were asked. */
export async function endBundle(bundle: Bundle): Promise<void> {
  const ends = await Promise.allSettled([
    (async () => bundle.close())(),
    (async () => bundle.sessions.store.close())(),
    (async () => bundle.transport.storage.close())(),
  ]);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
