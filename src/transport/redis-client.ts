import type { StoreCheck } from '../session/label-store.ts';
import { Connection } from '../valkey/connection.ts';
import type { ConnectionDescription } from '../valkey/connection-description.ts';
import { OperationGuard, type BreakerState } from '../valkey/operation-guard.ts';
import { checkServer } from '../valkey/server-checks.ts';
import { storeFailureOf, toValkeyError, type ValkeyError } from '../valkey/valkey-error.ts';
import { TransportStorageError } from './transport-storage.ts';

export interface RedisClientOptions {
  /** Milliseconds, retries and waiting for a connection included. */
  readonly readTimeout: number;
  readonly writeTimeout: number;
  /** Must not throw. */
  readonly onBreaker: (state: BreakerState, reason: string) => void;
}

/** One command: its name, the key, what else it takes. */
export type Command = readonly [name: string, key: string, ...rest: readonly (string | number)[]];

/**
 * Sends the commands of a storage, each within its limit, repeated while another attempt may succeed. Rejects with
 * `TransportStorageError`.
 */
export class RedisClient {
  readonly #description: ConnectionDescription;
  readonly #connection: Connection;
  readonly #reads: OperationGuard;
  readonly #writes: OperationGuard;

  constructor(description: ConnectionDescription, { readTimeout, writeTimeout, onBreaker }: RedisClientOptions) {
    this.#description = description;
    this.#connection = new Connection(description, { prepare: () => Promise.resolve() });
    const guard = (budget: number): OperationGuard =>
      new OperationGuard(this.#connection, { budget, limitedByClient: false, onBreaker });
    this.#reads = guard(readTimeout);
    this.#writes = guard(writeTimeout);
  }

  read(command: Command): Promise<unknown> {
    return this.#run(this.#reads, command).then(({ reply }) => reply);
  }

  /** `attempts`: how often the command was sent, or may have been. */
  write(command: Command): Promise<{ readonly reply: unknown; readonly attempts: number }> {
    return this.#run(this.#writes, command);
  }

  check(): Promise<readonly StoreCheck[]> {
    return checkServer(this.#connection, {
      connection: this.#description,
      durability: undefined,
      holds: 'transport sessions',
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #run(guard: OperationGuard, [name, ...args]: Command): Promise<{ reply: unknown; attempts: number }> {
    let attempts = 0;
    try {
      const reply = await guard.run((client) => {
        attempts += 1;
        return client.call(name, ...args);
      });
      return { reply, attempts };
    } catch (error) {
      throw storageError(toValkeyError(error));
    }
  }
}

function storageError({ failure, message }: ValkeyError): TransportStorageError {
  return new TransportStorageError(storeFailureOf(failure), message);
}
