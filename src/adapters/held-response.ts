import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { HttpAnswer } from '../gateway/protocol/denial.ts';
import { OF_THE_BODY } from '../gateway/upstream/forwarded-headers.ts';
import { isDecidable } from './http-result.ts';
import type { Judged, SentHead } from './http-result.ts';

/** Headers by name. */
export type SetHeaders = Readonly<Record<string, number | string | string[] | undefined>>;

export interface Hold {
  /** Never rejects. */
  readonly judge: (head: SentHead, body: Buffer) => Promise<Judged>;
  readonly undecidable: () => Judged;
  readonly maxBytes: number;
  /** What a denial keeps of the headers: those that were set before the handler ran. */
  readonly kept: SetHeaders;
}

/**
 * Keeps what is written to `response` back until it is complete and judged. Nothing of an undecided answer leaves, however
 * the handler writes it: by a framework, a stream, or on the response itself. A body that can never be judged, such as an
 * event stream, is judged at its first byte.
 */
export function holdResponse(response: ServerResponse, hold: Hold): void {
  const native = {
    writeHead: response.writeHead.bind(response),
    write: response.write.bind(response),
    end: response.end.bind(response),
    flushHeaders: response.flushHeaders.bind(response),
    addTrailers: response.addTrailers.bind(response),
  };
  /** `open` only while the answer is being written; what comes after it has no effect. */
  let state: 'holding' | 'judging' | 'open' | 'done' = 'holding';
  const chunks: Buffer[] = [];
  let size = 0;

  const release = (judged: Judged, head: Head, callback: Callback | undefined): void => {
    if (response.destroyed || response.writableEnded) {
      state = 'done';
      return;
    }
    state = 'open';
    try {
      const body =
        judged.kind === 'denied' ? deny(response, judged.answer, hold.kept) : restore(response, head, judged);
      Reflect.apply(native.end, undefined, [body ?? Buffer.concat(chunks), callback]);
    } catch {
      response.destroy();
    }
    state = 'done';
  };
  const refuse = (): void => release(hold.undecidable(), headOf(response), undefined);
  const collect = (chunk: unknown, encoding: unknown): void => {
    if (state !== 'holding') return;
    const bytes = bytesOf(chunk, encoding);
    size += bytes.length;
    if (size > hold.maxBytes || !isDecidable(sentHead(response))) refuse();
    else chunks.push(bytes);
  };

  response.writeHead = (status: number, ...rest: readonly unknown[]): ServerResponse => {
    if (state === 'open') {
      Reflect.apply(native.writeHead, undefined, [status, ...rest]);
    } else if (state === 'holding') {
      response.statusCode = status;
      const [message, headers] = typeof rest[0] === 'string' ? rest : [undefined, rest[0] ?? rest[1]];
      if (typeof message === 'string') response.statusMessage = message;
      setHeaders(response, headers);
    }
    return response;
  };
  response.write = (chunk: unknown, ...rest: readonly unknown[]): boolean => {
    if (state === 'open') return Boolean(Reflect.apply(native.write, undefined, [chunk, ...rest]));
    collect(chunk, rest[0]);
    const callback = rest.find(isCallback);
    if (callback !== undefined) process.nextTick(callback);
    return true;
  };
  response.end = (...given: readonly unknown[]): ServerResponse => {
    if (state === 'open') {
      Reflect.apply(native.end, undefined, [...given]);
      return response;
    }
    const [chunk, encoding] = given;
    if (chunk !== undefined && chunk !== null && !isCallback(chunk)) collect(chunk, encoding);
    if (state !== 'holding') return response;
    state = 'judging';
    const head = headOf(response);
    void hold
      .judge(head, Buffer.concat(chunks))
      .then((judged) => release(judged, head, given.find(isCallback)))
      .catch(() => response.destroy());
    return response;
  };
  response.flushHeaders = (): void => {
    if (state === 'open') Reflect.apply(native.flushHeaders, undefined, []);
    else if (state === 'holding' && !isDecidable(sentHead(response))) refuse();
  };
  // Trailers would leave undecided.
  response.addTrailers = (trailers): void => {
    if (state === 'open') Reflect.apply(native.addTrailers, undefined, [trailers]);
  };
}

type Callback = () => void;

interface Head extends SentHead {
  readonly message: string | undefined;
  readonly headers: SetHeaders;
}

function headOf(response: ServerResponse): Head {
  return {
    ...sentHead(response),
    message: hasStatusMessage(response) ? response.statusMessage : undefined,
    headers: { ...response.getHeaders() },
  };
}

function sentHead(response: ServerResponse): SentHead {
  return {
    status: response.statusCode,
    contentType: String(response.getHeader('content-type') ?? ''),
    contentEncoding: String(response.getHeader('content-encoding') ?? ''),
  };
}

/** HTTP/2 has none, and warns whoever asks for it. */
function hasStatusMessage(response: ServerResponse): boolean {
  return response.req.httpVersionMajor < 2;
}

/** Puts the head as the handler left it at the end. The body to send; undefined for the handler's own. */
function restore(
  response: ServerResponse,
  head: Head,
  judged: Exclude<Judged, { kind: 'denied' }>,
): Buffer | undefined {
  clearHeaders(response);
  response.statusCode = head.status;
  if (head.message !== undefined) response.statusMessage = head.message;
  setHeaders(response, head.headers);
  response.removeHeader('trailer');
  const body = judged.kind === 'changed' ? Buffer.from(judged.body) : undefined;
  if (body === undefined && response.req.method !== 'HEAD') return undefined;
  for (const name of OF_THE_BODY) response.removeHeader(name);
  response.removeHeader('content-length');
  if (body !== undefined && !response.hasHeader('transfer-encoding')) {
    response.setHeader('content-length', body.length);
  }
  return body;
}

function deny(response: ServerResponse, answer: HttpAnswer, kept: SetHeaders): Buffer {
  clearHeaders(response);
  setHeaders(response, kept);
  return Buffer.from(writeAnswer(response, answer));
}

/** Sets status and headers of an answer; its body is to be sent. */
export function writeAnswer(response: ServerResponse, answer: HttpAnswer): string {
  response.statusCode = answer.status;
  if (hasStatusMessage(response)) response.statusMessage = '';
  setHeaders(response, answer.headers);
  return answer.body;
}

function clearHeaders(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
}

/** Takes what `writeHead` takes: a map, names and values in turn, or pairs. */
function setHeaders(response: ServerResponse, headers: unknown): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) if (isHeader(value)) response.setHeader(name, value);
    return;
  }
  const flat: readonly unknown[] = headers.flat();
  const seen = new Set<string>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i]);
    if (!seen.has(name.toLowerCase())) response.removeHeader(name);
    seen.add(name.toLowerCase());
    response.appendHeader(name, String(flat[i + 1]));
  }
}

function isHeader(value: unknown): value is number | string | string[] {
  return typeof value === 'string' || typeof value === 'number' || Array.isArray(value);
}

function isCallback(value: unknown): value is Callback {
  return typeof value === 'function';
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8');
  }
  if (chunk instanceof Uint8Array) return Buffer.from(chunk);
  throw new TypeError('a chunk must be a string or bytes');
}
