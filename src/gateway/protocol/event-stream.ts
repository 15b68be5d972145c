const LF = 0x0a;
const CR = 0x0d;

/** One event of a `text/event-stream` (WHATWG HTML, 9.2). */
export interface StreamEvent {
  /** All of its bytes: fields, comments and the blank line that ends it. */
  readonly raw: Buffer;
  /** The `data` lines joined by line feeds; undefined when there is none. */
  readonly data: string | undefined;
}

/** An event is longer than the reader's limit; nothing of it was given out. */
export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError';
}

export interface EventReader {
  /** Events that `chunk` completes, in order. Throws `EventTooLargeError`. */
  push(chunk: Buffer): readonly StreamEvent[];
  /** Whether bytes of an event wait for its end; such bytes mean nothing when the stream ends here. */
  unfinished(): boolean;
}

/**
 * Cuts a stream into events without changing a byte. An event is given out as soon as its blank line is, even when that
 * is a lone CR at the end of a chunk: a line feed that follows belongs to the same line end and leads the next event.
 */
export function createEventReader(maxEventBytes: number): EventReader {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let atLineStart = true;
  let afterReturn = false;

  return {
    push(chunk) {
      const events: StreamEvent[] = [];
      let start = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (afterReturn && byte === LF) {
          afterReturn = false;
          continue;
        }
        afterReturn = byte === CR;
        if (byte !== LF && byte !== CR) {
          atLineStart = false;
          continue;
        }
        if (!atLineStart) {
          atLineStart = true;
          continue;
        }
        if (afterReturn && chunk[i + 1] === LF) {
          afterReturn = false;
          i++;
        }
        const rest = chunk.subarray(start, i + 1);
        if (heldBytes + rest.length > maxEventBytes) throw new EventTooLargeError('event exceeds the size limit');
        const raw = held.length === 0 ? rest : Buffer.concat([...held, rest]);
        events.push({ raw, data: dataOf(raw) });
        held = [];
        heldBytes = 0;
        start = i + 1;
      }
      if (start < chunk.length) {
        const rest = chunk.subarray(start);
        heldBytes += rest.length;
        if (heldBytes > maxEventBytes) throw new EventTooLargeError('event exceeds the size limit');
        held.push(rest);
      }
      return events;
    },
    unfinished: () => heldBytes > 0,
  };
}

/** The event with other data. Its comments and its `id`, `event` and `retry` fields stay, in order. */
export function withData(event: StreamEvent, data: string): Buffer {
  const kept = linesOf(event.raw).filter((line) => line !== '' && fieldOf(line) !== 'data');
  return Buffer.from([...kept, ...dataLines(data), '', ''].join('\n'));
}

/** A new event of type `message`. */
export function messageEvent(data: string): Buffer {
  return Buffer.from(['event: message', ...dataLines(data), '', ''].join('\n'));
}

/** Whether the event names an id that a client can resume from. */
export function hasEventId(event: StreamEvent): boolean {
  return event.raw.includes('id') && linesOf(event.raw).some((line) => fieldOf(line) === 'id');
}

function dataLines(data: string): string[] {
  return data.split(/\r\n|\n|\r/).map((line) => `data: ${line}`);
}

function dataOf(raw: Buffer): string | undefined {
  let data: string | undefined;
  for (const line of linesOf(raw)) {
    if (fieldOf(line) !== 'data') continue;
    const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5);
    data = data === undefined ? value : `${data}\n${value}`;
  }
  return data;
}

function linesOf(raw: Buffer): string[] {
  const text = raw.toString('utf8');
  // A byte order mark may lead the stream; it is no part of the first field's name.
  return (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text).split(/\r\n|\n|\r/);
}

function fieldOf(line: string): string {
  const colon = line.indexOf(':');
  return colon === -1 ? line : line.slice(0, colon);
}
