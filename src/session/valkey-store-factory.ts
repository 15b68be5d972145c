import { SessionStoreError, type LabelStore, type SessionStoreFactory } from './label-store.ts';
import { valkeyStoreSchema } from './valkey-store-schema.ts';
import { readSettings } from './valkey-store-settings.ts';

/**
 * `session_store: {kind: valkey, …}`. The store and its client are loaded only when a bundle selects them. Source:
 * session state specification, part A.
 */
export const valkeyStoreFactory: SessionStoreFactory = {
  kind: 'valkey',
  schema: valkeyStoreSchema,
  build(config, context) {
    const settings = readSettings(config, context);
    const { ttl_seconds: ttl, max_session_lifetime_seconds: lifetime } = config;
    if (typeof ttl === 'number' && typeof lifetime === 'number' && ttl < lifetime) {
      context.alarm({ alarm: 'session_store_ttl_unsound', ttl_seconds: ttl, max_session_lifetime_seconds: lifetime });
    }
    return onceLoaded(
      settings.durability !== undefined,
      import('./valkey-store.ts').then(({ valkeyStore }) => valkeyStore(settings, context)),
    );
  },
  lint({ ttl_seconds: ttl, max_session_lifetime_seconds: lifetime }) {
    if (typeof ttl !== 'number' || typeof lifetime !== 'number' || ttl >= lifetime) return [];
    return [
      {
        code: 'session/ttl-unsound',
        key: 'ttl_seconds',
        message: `\`ttl_seconds\` is ${ttl}, and a session may live for ${lifetime} seconds: its labels can end before it`,
        help: `make \`ttl_seconds\` at least ${lifetime}`,
      },
    ];
  },
};

/** The store while its modules are still being loaded, and afterwards. */
function onceLoaded(confirmsAppends: boolean, loading: Promise<LabelStore>): LabelStore {
  let loaded: LabelStore | undefined;
  const store = loading.then(
    (made) => (loaded = made),
    () => {
      throw new SessionStoreError('unavailable', 'the Valkey client cannot be loaded: is `iovalkey` installed?');
    },
  );
  store.catch(() => undefined);
  return {
    kind: 'valkey',
    confirmsAppends,
    loadLabels: (sessionId) =>
      loaded ? loaded.loadLabels(sessionId) : store.then((made) => made.loadLabels(sessionId)),
    appendLabels: (sessionId, labels) =>
      loaded ? loaded.appendLabels(sessionId, labels) : store.then((made) => made.appendLabels(sessionId, labels)),
    health: () => store.then((made) => made.health()),
    selfCheck: () => store.then((made) => made.selfCheck?.() ?? []),
    close: () => store.then((made) => made.close()),
  };
}
