import { MAX_REQUEST_LENGTH } from './read-request.ts';

/** A line with its 1-based number, or what keeps it from being read. */
export type Line =
  | { readonly number: number; readonly text: string }
  | { readonly number: number; readonly problem: string };

const LINE_FEED = 0x0a;
/** Of one line, in bytes; what is longer is passed over without being held. */
const MAX_LINE_BYTES = MAX_REQUEST_LENGTH;

/** The lines of UTF-8 text as it comes in. A last line without line feed counts. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void, undefined> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): Line => {
    const line = length > MAX_LINE_BYTES ? tooLong(number) : decode(number, parts, length);
    number += 1;
    parts = [];
    length = 0;
    return line;
  };
  const add = (part: Uint8Array): void => {
    length += part.length;
    if (length <= MAX_LINE_BYTES) parts.push(part);
    else parts = [];
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

function tooLong(number: number): Line {
  return { number, problem: `the line is longer than ${MAX_LINE_BYTES} bytes` };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(number: number, parts: readonly Uint8Array[], length: number): Line {
  const [first] = parts;
  try {
    return { number, text: utf8.decode(parts.length === 1 ? first : Buffer.concat(parts, length)) };
  } catch {
    return { number, problem: 'the line is not UTF-8' };
  }
}
