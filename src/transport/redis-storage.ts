import type { Alarm, StoreCheck, StoreHealth } from '../session/label-store.ts';
import { checkRedisConfig, type RedisConfigFinding } from './check-redis-config.ts';
import { describeConnection, timeLimits, type RedisConfig } from './redis-config.ts';
import type { RedisClient } from './redis-client.ts';
import { checkSessionId, deserializeSession, serializeSession } from './serialize-session.ts';
import {
  SessionNotFoundError,
  TransportStorageError,
  type TransportSession,
  type TransportStorage,
} from './transport-storage.ts';

export interface RedisStorageOptions {
  /** Longest life of a session, from its `createdAt` on, in milliseconds; absent means as long as it is used. */
  readonly maxLifetime?: number;
  /** Milliseconds since the Unix epoch; default the system clock. */
  readonly now?: () => number;
  /** Hears of a server that stops to answer, and of its return. Must not throw. */
  readonly alarm?: (alarm: Alarm) => void;
}

/** A `RedisConfig` that cannot be used. */
export class RedisConfigError extends Error {
  override readonly name = 'RedisConfigError';
  readonly findings: readonly RedisConfigFinding[];

  constructor(findings: readonly RedisConfigFinding[]) {
    super(findings.map(({ message }) => message).join('; '));
    this.findings = findings;
  }
}

/**
 * Sessions in Valkey or Redis, shared by all replicas: one text a session at `{keyPrefix}{id}`, which the server lets
 * expire `ttl` milliseconds after the last store or load. Nothing is dialled, and the client is not even loaded, before
 * the first use. Throws `RedisConfigError` for a config that cannot be used. Source: seed document of the transport
 * session storage, session state specification part B.
 */
export class RedisStorage implements TransportStorage {
  readonly kind = 'redis';
  readonly #keyPrefix: string;
  readonly #ttl: number;
  readonly #maxLifetime: number;
  readonly #now: () => number;
  readonly #load: () => Promise<RedisClient>;
  #client: Promise<RedisClient> | undefined;
  #closed = false;

  constructor(config: RedisConfig, ttl: number, options: RedisStorageOptions = {}) {
    const { maxLifetime, now = Date.now, alarm } = options;
    const findings = checkRedisConfig(config, { ttl, ...(maxLifetime === undefined ? {} : { maxLifetime }) });
    const errors = findings.filter(({ code }) => code !== 'transport/insecure-skip-verify');
    if (errors.length > 0) throw new RedisConfigError(errors);
    this.#keyPrefix = config.keyPrefix;
    this.#ttl = ttl;
    this.#maxLifetime = maxLifetime ?? Infinity;
    this.#now = now;
    const description = describeConnection(config);
    const { readTimeout, writeTimeout } = timeLimits(config);
    this.#load = async () => {
      const { RedisClient } = await import('./redis-client.ts');
      return new RedisClient(description, {
        readTimeout,
        writeTimeout,
        onBreaker(state, reason) {
          if (state !== 'half_open') alarm?.({ alarm: 'transport_storage_breaker', state, reason });
        },
      });
    };
  }

  async store(session: TransportSession): Promise<void> {
    const { key, value, left } = this.#encode(session);
    const client = await this.#open();
    if (left <= 0) await client.write(['DEL', key]);
    else await client.write(['SET', key, value, ...expiry(left)]);
  }

  async create(session: TransportSession): Promise<boolean> {
    const { key, value, left } = this.#encode(session);
    const client = await this.#open();
    if (left <= 0) return false;
    const { reply, attempts } = await client.write(['SET', key, value, ...expiry(left), 'NX']);
    if (reply !== null) return true;
    if (attempts === 1) return false;
    // The connection broke during an earlier attempt, which may be what took the id.
    throw new TransportStorageError('unavailable', 'whether the session was created is not known');
  }

  async update(session: TransportSession): Promise<boolean> {
    const { key, value, left } = this.#encode(session);
    const client = await this.#open();
    if (left <= 0) return false;
    const { reply } = await client.write(['SET', key, value, ...expiry(left), 'XX']);
    return reply !== null;
  }

  async load(id: string): Promise<TransportSession> {
    const key = this.#keyOf(id);
    const client = await this.#open();
    const reply = await client.read(['GETEX', key, ...expiry(this.#ttl)]);
    if (reply === null) throw new SessionNotFoundError();
    const session = deserializeSession(typeof reply === 'string' ? reply : '', id);
    if (this.#leftOf(session) > 0) return session;
    // The read has just prolonged it.
    await client.write(['DEL', key]);
    throw new SessionNotFoundError();
  }

  async delete(id: string): Promise<void> {
    const key = this.#keyOf(id);
    const client = await this.#open();
    await client.write(['DEL', key]);
  }

  /** Nothing to do: the server lets sessions expire. */
  async deleteExpired(): Promise<void> {
    if (this.#closed) throw closedError();
  }

  async health(): Promise<StoreHealth> {
    try {
      const client = await this.#open();
      // No session has the empty id; a replica refuses the command since it may write.
      await client.read(['GETEX', this.#keyPrefix, ...expiry(this.#ttl)]);
      return { healthy: true, detail: 'the primary answers' };
    } catch (error) {
      return { healthy: false, detail: error instanceof Error ? error.message : 'no answer' };
    }
  }

  async selfCheck(): Promise<readonly StoreCheck[]> {
    try {
      return await (await this.#open()).check();
    } catch (error) {
      const detail = error instanceof Error ? error.message : 'no answer';
      return [{ name: 'reachable', outcome: 'problem', detail }];
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }

  #open(): Promise<RedisClient> {
    if (this.#closed) return Promise.reject(closedError());
    this.#client ??= this.#load().catch(() => {
      throw new TransportStorageError('unavailable', 'the client cannot be loaded: is `iovalkey` installed?');
    });
    return this.#client;
  }

  #encode(session: TransportSession): { readonly key: string; readonly value: string; readonly left: number } {
    const value = serializeSession(session);
    return { key: this.#keyOf(session.id), value, left: Math.min(this.#ttl, this.#leftOf(session)) };
  }

  #keyOf(id: string): string {
    return `${this.#keyPrefix}${checkSessionId(id)}`;
  }

  /** Milliseconds until the session is too old; infinite when there is no such age. */
  #leftOf({ createdAt }: TransportSession): number {
    return createdAt + this.#maxLifetime - this.#now();
  }
}

function expiry(milliseconds: number): readonly [string, number] {
  return milliseconds % 1000 === 0 ? ['EX', milliseconds / 1000] : ['PX', Math.ceil(milliseconds)];
}

function closedError(): TransportStorageError {
  return new TransportStorageError('closed', 'the storage is closed');
}
