import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { Connection } from '../valkey/connection.ts';
import type { Client } from '../valkey/dial.ts';
import { OperationGuard } from '../valkey/operation-guard.ts';
import { readSecretSource } from '../text/secret-source.ts';
import { checkServer } from '../valkey/server-checks.ts';
import { storeFailureOf, toValkeyError, type ValkeyError } from '../valkey/valkey-error.ts';
import { ConfirmedAppends } from './confirmed-appends.ts';
import { plainLabels, signedLabels } from './label-codec.ts';
import { LabelFloor } from './label-floor.ts';
import { APPEND_SCRIPT, LOAD_SCRIPT, loadScripts, runScript, sendScript, type LabelScript } from './label-scripts.ts';
import {
  SessionStoreError,
  type LabelStore,
  type SessionStoreContext,
  type StoreCheck,
  type StoreOperation,
} from './label-store.ts';
import type { ValkeyStoreSettings } from './valkey-store-settings.ts';

const MAX_REMEMBERED_KEYS = 10_000;

/**
 * Labels in Valkey or Redis: one set a session, shared by all nodes. Nothing is dialled before the first use. Reads and
 * writes go to the primary, each in one round trip within the command limit. Source: session state specification,
 * part A.
 */
export function valkeyStore(
  settings: ValkeyStoreSettings,
  context: Pick<SessionStoreContext, 'alarm' | 'observer'>,
): LabelStore {
  return new ValkeyStore(settings, context);
}

/** A script that is sent at once by `client`; by the guard when there is none. `started`: by `performance.now()`. */
interface ScriptCall {
  readonly script: LabelScript;
  readonly key: string;
  readonly args: readonly (string | number)[];
  readonly client: Client | undefined;
  readonly started: number;
}

class ValkeyStore implements LabelStore {
  readonly kind = 'valkey';
  readonly confirmsAppends: boolean;
  readonly #settings: ValkeyStoreSettings;
  readonly #alarm: SessionStoreContext['alarm'];
  readonly #observer: SessionStoreContext['observer'];
  readonly #codec: typeof plainLabels;
  readonly #ttl: number;
  readonly #floor = new LabelFloor(() => performance.now());
  readonly #keys = new LRUCache<string, string>({ max: MAX_REMEMBERED_KEYS });
  readonly #connection: Connection;
  readonly #guard: OperationGuard;
  readonly #confirming:
    | { readonly connection: Connection; readonly guard: OperationGuard; readonly appends: ConfirmedAppends }
    | undefined;
  /** What the last self-check complained of, so that it is said once. */
  #complaints = '';
  #closed = false;

  constructor(settings: ValkeyStoreSettings, { alarm, observer }: Pick<SessionStoreContext, 'alarm' | 'observer'>) {
    const { connection, durability, integrityKeys } = settings;
    this.#settings = settings;
    this.#alarm = alarm;
    this.#observer = observer;
    this.#ttl = settings.ttl ?? 0;
    this.#codec = integrityKeys === undefined ? plainLabels : signedLabels(integrityKeys.map(readSecretSource));
    this.#connection = new Connection(connection, {
      prepare: loadScripts,
      onChange: (change) => {
        if (change === 'ready') void this.#reportSelfCheck();
      },
    });
    const budget = connection.commandTimeout;
    this.#guard = new OperationGuard(this.#connection, {
      budget,
      limitedByClient: true,
      onBreaker: (state, reason) => {
        observer?.breaker(state);
        if (state !== 'half_open') alarm({ alarm: 'session_store_breaker', state, reason });
      },
    });
    this.confirmsAppends = durability !== undefined;
    if (durability === undefined) return;
    const confirming = new Connection(
      { ...connection, name: `${connection.name}-confirm`, commandTimeout: budget + durability.timeout },
      { prepare: loadScripts },
    );
    this.#confirming = {
      connection: confirming,
      guard: new OperationGuard(confirming, { budget, limitedByClient: false }),
      appends: new ConfirmedAppends(durability),
    };
  }

  async loadLabels(sessionId: string): Promise<ReadonlySet<string>> {
    const key = this.#keyOf(sessionId);
    const known = this.#floor.get(sessionId);
    const call = this.#call(LOAD_SCRIPT, key, [this.#ttl]);
    const { started } = call;
    try {
      let reply: unknown;
      try {
        reply = await this.#send(call);
      } catch (error) {
        reply = await this.#resend(call, error);
      }
      this.#guard.succeeded();
      const { labels, left, refreshFailed } = this.#decode(reply, key);
      if (refreshFailed) {
        this.#observer?.refreshFailure();
        this.#alarm({ alarm: 'session_store_ttl_refresh_failed', key, milliseconds_left: left });
      }
      this.#learn(sessionId, labels, left < 0 ? Infinity : started + left, false);
      this.#observed('load', started, undefined);
      const lost = this.#floor.lost(known, labels);
      return lost === undefined ? labels : await this.#restore(sessionId, key, labels, lost);
    } catch (error) {
      throw this.#failed('load', started, error);
    }
  }

  appendLabels(sessionId: string, labels: readonly string[]): Promise<void> | void {
    if (labels.length === 0) return undefined;
    const confirmed = this.confirmsAppends ? this.#floor.get(sessionId)?.confirmed : undefined;
    const added = confirmed === undefined ? labels : labels.filter((label) => !confirmed.has(label));
    // Only a closed store refuses what needs no writing.
    if (added.length === 0 && !this.#closed) return undefined;
    return this.#append(sessionId, added);
  }

  async health(): Promise<{ healthy: boolean; detail: string }> {
    try {
      await this.#guard.run((client) => runScript(client, LOAD_SCRIPT, this.#keyOf(''), [0]));
      return { healthy: true, detail: 'the primary answers' };
    } catch (error) {
      return { healthy: false, detail: toValkeyError(error).message };
    }
  }

  async selfCheck(): Promise<readonly StoreCheck[]> {
    return checkServer(this.#connection, { ...this.#settings, holds: 'labels' });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#connection.close(), this.#confirming?.connection.close()]);
    this.#floor.clear();
  }

  async #append(sessionId: string, labels: readonly string[]): Promise<void> {
    const started = performance.now();
    try {
      const key = this.#keyOf(sessionId);
      const session = key.slice(-64);
      const members = labels.map((label) => this.#codec.encode(label, session));
      const confirming = this.#confirming;
      if (confirming === undefined) {
        const call = this.#call(APPEND_SCRIPT, key, [this.#ttl, 0, ...members]);
        try {
          await this.#send(call);
        } catch (error) {
          await this.#resend(call, error);
        }
        this.#guard.succeeded();
      } else {
        const args = [this.#ttl, 1, ...members];
        await confirming.guard.run((client) => confirming.appends.append(client, key, args));
      }
      const expiresAt = this.#ttl > 0 ? started + this.#ttl : (this.#floor.get(sessionId)?.expiresAt ?? Infinity);
      this.#learn(sessionId, labels, expiresAt, this.confirmsAppends);
      this.#observed('append', started, undefined);
    } catch (error) {
      throw this.#failed('append', started, error);
    }
  }

  #call(script: LabelScript, key: string, args: readonly (string | number)[]): ScriptCall {
    return { script, key, args, client: this.#guard.ready, started: performance.now() };
  }

  /** Answers with the client's own promise whenever it can, since each one around it costs. */
  #send({ client, script, key, args }: ScriptCall): Promise<unknown> {
    return client === undefined
      ? this.#guard.run((ready) => runScript(ready, script, key, args))
      : sendScript(client, script, 'digest', key, args);
  }

  #resend({ client, script, key, args, started }: ScriptCall, error: unknown): Promise<unknown> {
    if (client === undefined) throw error;
    return this.#guard.retry((ready) => runScript(ready, script, key, args), client, error, started);
  }

  /** Labels that the store has lost count all the same, and are put back. */
  async #restore(
    sessionId: string,
    key: string,
    loaded: ReadonlySet<string>,
    lost: readonly string[],
  ): Promise<ReadonlySet<string>> {
    this.#observer?.regression();
    let restored = true;
    try {
      await this.#append(sessionId, lost);
    } catch {
      restored = false;
    }
    this.#alarm({ alarm: 'session_store_regression', key, lost: lost.length, restored });
    return new Set([...loaded, ...lost]);
  }

  #decode(reply: unknown, key: string): { labels: ReadonlySet<string>; left: number; refreshFailed: boolean } {
    if (!Array.isArray(reply)) throw undecodable();
    const parts: readonly unknown[] = reply;
    const [left, failed] = [parts.at(-2), parts.at(-1)];
    if (typeof left !== 'number' || typeof failed !== 'number') throw undecodable();
    const session = key.slice(-64);
    const labels = new Set<string>();
    for (let i = 0; i < parts.length - 2; i++) {
      const member = parts[i];
      if (typeof member !== 'string') throw undecodable();
      labels.add(this.#codec.decode(member, session));
    }
    return { labels, left, refreshFailed: failed === 1 };
  }

  #learn(sessionId: string, labels: Iterable<string>, expiresAt: number, confirmed: boolean): void {
    this.#floor.learn(sessionId, labels, expiresAt, confirmed);
    this.#observer?.floorSize(this.#floor.size);
  }

  #keyOf(sessionId: string): string {
    let key = this.#keys.get(sessionId);
    if (key === undefined) {
      key = `${this.#settings.keyPrefix}:${createHash('sha256').update(sessionId).digest('hex')}`;
      this.#keys.set(sessionId, key);
    }
    return key;
  }

  #observed(op: StoreOperation, started: number, failure: SessionStoreError['failure'] | undefined): void {
    this.#observer?.operation(op, performance.now() - started, failure);
  }

  #failed(op: StoreOperation, started: number, error: unknown): SessionStoreError {
    const failure = error instanceof SessionStoreError ? error : storeError(toValkeyError(error));
    this.#observed(op, started, failure.failure);
    return failure;
  }

  async #reportSelfCheck(): Promise<void> {
    const checks = await this.selfCheck();
    if (this.#closed) return;
    const complaints = checks.filter(({ outcome }) => outcome !== 'ok');
    const text = JSON.stringify(complaints);
    if (text === this.#complaints) return;
    this.#complaints = text;
    for (const { name, outcome, detail } of complaints) {
      this.#alarm({ alarm: 'session_store_self_check', check: name, outcome, detail });
    }
  }
}

function undecodable(): SessionStoreError {
  return new SessionStoreError('corrupt', 'the server answered with something that is not a set of labels');
}

function storeError({ failure, message }: ValkeyError): SessionStoreError {
  return new SessionStoreError(storeFailureOf(failure), message);
}
