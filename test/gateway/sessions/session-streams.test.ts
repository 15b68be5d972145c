import assert from 'node:assert/strict';
import { ServerResponse, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createSessionStreams } from '../../../src/gateway/sessions/session-streams.ts';

/** A response, and what was written to it. */
function stream(over: object = {}): { readonly response: ServerResponse; readonly written: string[] } {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const written: string[] = [];
  Object.assign(response, { write: (bytes: Buffer) => written.push(bytes.toString()) });
  for (const [name, value] of Object.entries(over)) Object.defineProperty(response, name, { value });
  return { response, written };
}

describe('the streams of a session', () => {
  it('get a message of the gateway once, on the latest whose client keeps up', () => {
    const streams = createSessionStreams();
    const [early, late, stalled, foreign] = [stream(), stream(), stream({ writableNeedDrain: true }), stream()];
    for (const { response } of [early, late, stalled]) streams.add('s', response);
    streams.add('other', foreign.response);
    streams.tell('s', '{"n":1}');
    assert.deepEqual(late.written, ['event: message\ndata: {"n":1}\n\n']);
    assert.deepEqual([early.written, stalled.written, foreign.written], [[], [], []]);
  });

  it('get nothing once they are closed', () => {
    const streams = createSessionStreams();
    const [ended, closed] = [stream({ writableEnded: true }), stream()];
    streams.add('s', ended.response);
    streams.add('s', closed.response)();
    streams.tell('s', '{}');
    streams.tell('unknown', '{}');
    assert.deepEqual([ended.written, closed.written], [[], []]);
  });
});
