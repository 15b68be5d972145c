import type { Entity, JsonValue } from '../engine/operation.ts';
import type { Awaitable } from '../session/label-store.ts';
import { isJsonData } from './json-data.ts';

/** Where the arguments of an operation are in a request. */
export interface ArgumentSource<Request> {
  /** JSON; undefined when there are none. */
  read(request: Request): unknown;
  /** Puts arguments that policy changed where the handler reads them. */
  write(request: Request, args: JsonValue): void;
}

/** What the requests of a route are to policy. A function of it that throws denies the request. */
export interface RoutePolicy<Request> {
  /** Default: an `http` operation, which the global layer decides. */
  readonly entity?: Entity | ((request: Request) => Awaitable<Entity>);
  /**
   * The member of the request that holds the arguments, or what reads and writes them. Default: `body` with an `entity`,
   * else none.
   */
  readonly args?: 'body' | 'query' | 'params' | ArgumentSource<Request>;
}

/** Arguments for policy, and where they go when it changes them. */
export interface ReadArguments {
  readonly args: JsonValue;
  write(args: JsonValue): void;
}

/** `unreadable` when policy would not see what the handler does. */
export function readArguments<Request extends object>(
  request: Request,
  route: RoutePolicy<Request>,
): ReadArguments | 'unreadable' | undefined {
  const source = route.args ?? (route.entity === undefined ? undefined : 'body');
  if (source === undefined) return undefined;
  const found: unknown = typeof source === 'string' ? Reflect.get(request, source) : source.read(request);
  const args = found ?? {};
  if (!isJsonData(args)) return 'unreadable';
  return {
    args,
    write(changed) {
      if (typeof source !== 'string') return source.write(request, changed);
      // Express 5 gives `query` by a getter, which an assignment does not replace.
      Object.defineProperty(request, source, { value: changed, writable: true, enumerable: true, configurable: true });
    },
  };
}
