import { Redis, type RedisOptions } from 'iovalkey';

type SendCommand = Parameters<Redis['sendCommand']>;

/** A stalled server is given up after this many times the command limit without a byte from it. */
export const SILENCE_FACTOR = 2;

/**
 * The client of one server, which it never changes. It does with less than one call of the operating system and one timer
 * a command: commands of one turn of the event loop are written together, and one timer ends all that are late.
 */
export class SingleClient extends Redis {
  /** Commands of this turn that were sent while others waited for their answers. */
  #sent = 0;
  /** What is held back is written when it is as many. */
  #due = 1;
  readonly #limit: number;
  /** When the latest commands are late; answers come in order, so those that wait for one are the last. */
  #limits: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** What the server had sent when it was last looked at, and when something new was seen. */
  #heard = { bytes: 0, at: 0 };

  /** `commandTimeout`: milliseconds after which a command without an answer fails with `Command timed out`. */
  constructor({ commandTimeout, ...options }: RedisOptions & { readonly commandTimeout: number }) {
    super(options);
    this.#limit = commandTimeout;
  }

  /**
   * A command is written at once when the server has no other work, as is the next of the turn; the next two are written
   * together, then the next four, and so on. None waits for a later turn.
   */
  override sendCommand(command: SendCommand[0], stream?: SendCommand[1]): unknown {
    const waiting = this.commandQueue.length;
    if (waiting > 0) this.#hold();
    const answer = super.sendCommand(command, stream);
    if (this.commandQueue.length > waiting) this.#limitLast(waiting + 1);
    if (this.#sent === this.#due) this.#write();
    return answer;
  }

  #hold(): void {
    if (this.#sent === 0) process.nextTick(this.#endTurn);
    this.#sent += 1;
    if (this.#sent < this.#due && this.stream.writableCorked === 0) this.stream.cork();
  }

  #write(): void {
    this.#due = this.#due * 2 + 1;
    if (this.stream.writableCorked > 0) this.stream.uncork();
  }

  readonly #endTurn = (): void => {
    this.#sent = 0;
    this.#due = 1;
    if (this.stream.writableCorked > 0) this.stream.uncork();
  };

  #limitLast(waiting: number): void {
    const now = performance.now();
    this.#limits.push(now + this.#limit);
    if (this.#limits.length > 2 * waiting + 1000) this.#limits = this.#limits.slice(-waiting);
    if (this.#timer !== undefined) return;
    this.#heard = { bytes: this.stream.bytesRead, at: now };
    this.#wait(this.#limit);
  }

  #wait(milliseconds: number): void {
    // A connection that waits for an answer keeps the process by itself.
    this.#timer = setTimeout(this.#endLate, milliseconds).unref();
  }

  readonly #endLate = (): void => {
    this.#timer = undefined;
    const waiting = this.commandQueue.length;
    if (waiting === 0) return void (this.#limits = []);
    this.#limits = this.#limits.slice(-waiting);
    const now = performance.now();
    const late = this.#limits.filter((limit) => limit <= now).length;
    for (let index = 0; index < late; index += 1) {
      this.commandQueue.peekAt(index)?.command.reject(new Error('Command timed out'));
    }
    const { bytesRead } = this.stream;
    if (bytesRead !== this.#heard.bytes) this.#heard = { bytes: bytesRead, at: now };
    const silent = this.#heard.at + this.#limit * SILENCE_FACTOR;
    if (late > 0 && silent <= now) return void this.stream.destroy(new Error('Socket timeout'));
    // What is sent from now on is not late before that.
    const next = this.#limits[late] ?? now + this.#limit;
    this.#wait((late > 0 ? Math.min(next, silent) : next) - now);
  };
}
