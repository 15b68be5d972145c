import type { Client } from '../valkey/dial.ts';
import { toValkeyError, ValkeyError } from '../valkey/valkey-error.ts';
import { APPEND_SCRIPT, isUnknownScript, sendScript } from './label-scripts.ts';
import type { Durability } from './valkey-store-settings.ts';

interface Waiting {
  readonly key: string;
  readonly args: readonly (string | number)[];
  readonly resolve: () => void;
  readonly reject: (error: ValkeyError) => void;
}

/**
 * Appends that count only once the server says that they are durable. Waiting for that blocks the whole connection, so
 * it has one of its own, and appends that arrive meanwhile go together: one confirmation covers all of them.
 */
export class ConfirmedAppends {
  readonly #durability: Durability;
  readonly #queues = new WeakMap<Client, Waiting[]>();
  readonly #busy = new WeakSet<Client>();

  constructor(durability: Durability) {
    this.#durability = durability;
  }

  /** Rejects with a `ValkeyError`; failure `timeout` when the confirmation did not come in time. */
  append(client: Client, key: string, args: readonly (string | number)[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { key, args, resolve, reject };
      const queue = this.#queues.get(client);
      if (queue === undefined) this.#queues.set(client, [waiting]);
      else queue.push(waiting);
      if (this.#busy.has(client)) return;
      this.#busy.add(client);
      // What is appended in the same turn goes along.
      queueMicrotask(() => void this.#drain(client));
    });
  }

  async #drain(client: Client): Promise<void> {
    for (;;) {
      const batch = this.#queues.get(client) ?? [];
      if (batch.length === 0) break;
      this.#queues.set(client, []);
      await this.#confirm(client, batch);
    }
    this.#busy.delete(client);
  }

  async #confirm(client: Client, batch: readonly Waiting[]): Promise<void> {
    const unknown = await this.#send(client, batch, 'digest');
    if (unknown.length > 0) await this.#send(client, unknown, 'text');
  }

  /** Settles the appends that the server knew the script of; returns the others. */
  async #send(client: Client, batch: readonly Waiting[], by: 'digest' | 'text'): Promise<readonly Waiting[]> {
    const sent = batch.map(({ key, args }) =>
      sendScript(client, APPEND_SCRIPT, by, key, args).then(() => undefined, toValkeyError),
    );
    const waited = await this.#wait(client).then(() => undefined, toValkeyError);
    const failures = await Promise.all(sent);
    return batch.filter(({ resolve, reject }, index) => {
      const failure = failures[index] ?? waited;
      if (failure === undefined) resolve();
      else if (isUnknownScript(failure) && by === 'digest') return true;
      else reject(failure);
      return false;
    });
  }

  async #wait(client: Client): Promise<void> {
    const { ack, replicas, timeout } = this.#durability;
    if (ack === 'replicas') {
      const confirmed = await client.wait(replicas, timeout);
      if (confirmed < replicas) throw unconfirmed(`${confirmed} of ${replicas} replicas`);
      return;
    }
    const answer: unknown = await client.waitaof(1, replicas, timeout);
    const [local, remote] = Array.isArray(answer) ? answer.map(Number) : [];
    if (!(local !== undefined && local >= 1)) throw unconfirmed('no append only file');
    if (!(remote !== undefined && remote >= replicas))
      throw unconfirmed(`the files of ${remote} of ${replicas} replicas`);
  }
}

function unconfirmed(what: string): ValkeyError {
  return new ValkeyError('timeout', `the append is not confirmed in time: it has reached ${what}`);
}
