import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  EventTooLargeError,
  createEventReader,
  hasEventId,
  messageEvent,
  withData,
} from '../../../src/gateway/protocol/event-stream.ts';
import type { StreamEvent } from '../../../src/gateway/protocol/event-stream.ts';

function readAll(chunks: readonly Buffer[], limit = 1_000_000): StreamEvent[] {
  const reader = createEventReader(limit);
  return chunks.flatMap((chunk) => reader.push(chunk));
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

/** The data of each event, by the letter of the specification and without any streaming. */
function dataByTheBook(text: string): string[] {
  const dispatched: string[] = [];
  let data: string[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  lines.pop();
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0) dispatched.push(data.join('\n'));
      data = [];
    } else if (line === 'data' || line.startsWith('data:')) {
      data.push(line.slice(5).replace(/^ /, ''));
    }
  }
  return dispatched;
}

const line = fc.oneof(
  fc.constantFrom(
    '',
    'data',
    'data:',
    'data: {"a":1}',
    'data:  x',
    'id: 7',
    'retry: 10',
    ': note',
    'event: message',
    'datax: 1',
  ),
  fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, '')}`),
);
const streams = fc
  .array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n')), { maxLength: 30 })
  .map((lines) => lines.map(([text, end]) => text + end).join(''));

test('events do not depend on how the stream is cut', () => {
  fc.assert(
    fc.property(streams, fc.array(fc.nat(), { maxLength: 8 }), fc.boolean(), (text, at, mark) => {
      const bytes = Buffer.from(mark ? `\uFEFF${text}` : text);
      const events = readAll(cut(bytes, at));
      const data = events.flatMap((event) => (event.data === undefined ? [] : [event.data]));
      assert.deepEqual(data, dataByTheBook(text));
      const passed = Buffer.concat(events.map((event) => event.raw));
      assert.ok(bytes.subarray(0, passed.length).equals(passed));
    }),
  );
});

test('an event is given out as soon as its blank line is there', () => {
  const reader = createEventReader(100);
  assert.equal(reader.push(Buffer.from('data: 1\r\r'))[0]?.data, '1');
  assert.equal(reader.unfinished(), false);
  const [next] = reader.push(Buffer.from('\ndata: 2\n\n'));
  assert.equal(next?.data, '2');
  assert.deepEqual(reader.push(Buffer.from('data: 3\n')), []);
  assert.equal(reader.unfinished(), true);
});

test('new data leaves the other fields alone', () => {
  const [event] = readAll([
    Buffer.from(': note\r\nid: 7\r\nevent: message\r\ndata: {"a":\r\ndata: 1}\r\nretry: 5\r\n\r\n'),
  ]);
  assert.ok(event);
  assert.equal(event.data, '{"a":\n1}');
  assert.equal(hasEventId(event), true);
  assert.equal(
    withData(event, '{"a":\n2}').toString(),
    ': note\nid: 7\nevent: message\nretry: 5\ndata: {"a":\ndata: 2}\n\n',
  );
  assert.equal(messageEvent('{}').toString(), 'event: message\ndata: {}\n\n');
});

test('data survives being written and read again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-composite' }), (text) => {
      const data = text.replaceAll(/\r\n|\r/g, '\n');
      assert.equal(readAll([messageEvent(data)])[0]?.data, data);
    }),
  );
});

test('an event may not outgrow its limit, whole or in pieces', () => {
  const long = Buffer.from(`data: ${'x'.repeat(100)}\n\n`);
  assert.throws(() => readAll([long], 50), EventTooLargeError);
  assert.throws(() => readAll(cut(long, [10, 20, 30, 40, 60]), 50), EventTooLargeError);
  assert.equal(readAll([long, long], long.length).length, 2);
});
