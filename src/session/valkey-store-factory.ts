import { SessionStoreError, type LabelStore, type SessionStoreFactory } from './label-store.ts';
import { valkeyStoreSchema } from './valkey-store-schema.ts';
import { LEAST_LEFT, readSettings } from './valkey-store-settings.ts';

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
    const facts = {
      confirmsAppends: settings.durability !== undefined,
      ...(settings.ttl === undefined ? {} : { labelLifetime: settings.ttl * LEAST_LEFT }),
    };
    return onceUsed(facts, async () => {
      const { valkeyStore } = await import('./valkey-store.ts');
      return valkeyStore(settings, context);
    });
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

/** The store that `load` gives, loaded at the first use of it. */
function onceUsed(
  facts: Pick<LabelStore, 'confirmsAppends' | 'labelLifetime'>,
  load: () => Promise<LabelStore>,
): LabelStore {
  let loaded: LabelStore | undefined;
  let loading: Promise<LabelStore> | undefined;
  let closed = false;
  const store = (): Promise<LabelStore> => {
    loading ??= load().then(
      (made) => (loaded = made),
      () => {
        throw new SessionStoreError('unavailable', 'the Valkey client cannot be loaded: is `iovalkey` installed?');
      },
    );
    return loading;
  };
  const open = (): Promise<LabelStore> =>
    closed && loading === undefined
      ? Promise.reject(new SessionStoreError('closed', 'the session store is closed'))
      : store();
  return {
    kind: 'valkey',
    ...facts,
    loadLabels: (sessionId) =>
      loaded ? loaded.loadLabels(sessionId) : open().then((made) => made.loadLabels(sessionId)),
    appendLabels: (sessionId, labels) =>
      loaded ? loaded.appendLabels(sessionId, labels) : open().then((made) => made.appendLabels(sessionId, labels)),
    health: () =>
      open().then(
        (made) => made.health(),
        (error: SessionStoreError) => ({ healthy: false, detail: error.message }),
      ),
    selfCheck: () => store().then((made) => made.selfCheck?.() ?? []),
    close() {
      closed = true;
      return loading?.then(
        (made) => made.close(),
        () => undefined,
      );
    },
  };
}
