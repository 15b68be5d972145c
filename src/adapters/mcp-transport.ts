import type { JsonObject } from '../engine/operation.ts';
import { isJsonObject } from '../gateway/json/json-value.ts';
import type { Awaitable } from '../session/label-store.ts';

type Receive = (message: unknown, extra?: unknown) => void;

/** The transports of the MCP SDKs, as far as an adapter sees them. */
export interface McpTransport {
  /** The id that the server gave the session; undefined where there are no sessions. */
  sessionId?: string | undefined;
}

/** What a server connected to a transport may and may not get and send. */
export interface TransportGuard {
  /** A message from the client, and what the transport tells of it; what `deliver` is given reaches the server. */
  receive(message: JsonObject, extra: unknown, deliver: (message: JsonObject) => void): void;
  /** A message of the server. What may be sent in its place; undefined for nothing. */
  screen(message: JsonObject): Awaitable<JsonObject | undefined>;
}

/** What the adapter sends by itself, past the guard. */
export type SendRaw = (message: JsonObject, options?: unknown) => Promise<void>;

const guarded = new WeakSet<object>();

/**
 * Puts a guard between a transport and the server that is about to connect to it. Both SDK lines set `onmessage` and call
 * `send`, and nothing else passes messages. Throws `TypeError` for what is no transport, or was connected before.
 */
export function guardTransport(transport: McpTransport, makeGuard: (send: SendRaw) => TransportGuard): void {
  const send: unknown = Reflect.get(transport, 'send');
  if (typeof send !== 'function') throw new TypeError('not a transport');
  if (guarded.has(transport)) throw new TypeError('the transport has been connected before');
  guarded.add(transport);
  const sendRaw: SendRaw = async (message, options) => {
    await Reflect.apply(send, transport, [message, options]);
  };
  const guard = makeGuard(sendRaw);
  const wrap =
    (inner: Receive): Receive =>
    (message, extra) => {
      if (!isJsonObject(message)) return;
      guard.receive(message, extra, (passed) => Reflect.apply(inner, transport, [passed, extra]));
    };

  // The server calls what was there before from its own, so that is guarded too.
  let receiver: unknown = Reflect.get(transport, 'onmessage');
  const prototype: object = Object.getPrototypeOf(transport);
  Object.defineProperty(transport, 'onmessage', {
    get: () => receiver,
    set(given: unknown) {
      receiver = isReceive(given) ? wrap(given) : undefined;
      // Some transports hand it on to another by a setter of their class; where there is none, this does nothing.
      Reflect.set(prototype, 'onmessage', receiver, transport);
    },
  });
  Object.defineProperty(transport, 'send', {
    async value(message: unknown, options?: unknown): Promise<void> {
      if (!isJsonObject(message)) return;
      const screening = guard.screen(message);
      // What needs no decision is sent at once: transports look at what is answered while a message is handed over.
      const screened = screening instanceof Promise ? await screening : screening;
      if (screened !== undefined) await sendRaw(screened, options);
    },
  });
}

function isReceive(value: unknown): value is Receive {
  return typeof value === 'function';
}
