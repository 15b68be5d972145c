import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readClientBody } from '../../../src/gateway/protocol/client-message.ts';
import { objectMembers } from '../../../src/gateway/json/json-scan.ts';
import { isMediated, mediationOf } from '../../../src/gateway/protocol/mediation.ts';

type Reader = (text: string, key: string) => string | undefined;

const matching = (text: string, same: (key: string) => boolean): string[] =>
  objectMembers(text, 0)
    .filter(({ key }) => same(key))
    .map(({ value }) => text.slice(value.start, value.end));
const fold = (key: string): string => key.toUpperCase().toLowerCase();

/** How parsers in use pick a member when there are several, or none of the exact name. */
const readers: Readonly<Record<string, Reader>> = {
  'first wins': (text, key) => matching(text, (other) => other === key)[0],
  'last wins': (text, key) => matching(text, (other) => other === key).at(-1),
  'first wins, case folded': (text, key) => matching(text, (other) => fold(other) === fold(key))[0],
  'last wins, case folded': (text, key) => matching(text, (other) => fold(other) === fold(key)).at(-1),
};

const name = fc.constantFrom(
  '"name":"good"',
  '"name":"evil"',
  '"Name":"evil"',
  '"n\\u0061me":"evil"',
  '"uri":"a://evil"',
  '"other":1',
);
const params = fc.array(name, { maxLength: 3 }).map((members) => `{${members.join(',')}}`);
const member = fc.oneof(
  fc.constantFrom('"jsonrpc":"2.0"', '"id":1', '"method":"ping"', '"method":"tools/call"', '"METHOD":"tools/call"'),
  params.map((text) => `"params":${text}`),
  params.map((text) => `"Param\u017f":${text}`),
);
const body = fc
  .shuffledSubarray(['"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"'], { minLength: 2 })
  .chain((base) => fc.array(member, { maxLength: 3 }).map((more) => `{${[...base, ...more].join(', ')}}`));

test('an accepted body asks for the same operation, whoever reads it', () => {
  fc.assert(
    fc.property(body, (text) => {
      const read = readClientBody(Buffer.from(text));
      if ('refused' in read) return;
      const [message] = read.messages;
      assert.ok(message !== undefined && message.kind !== 'response');
      const mediation = isMediated(message.method) ? mediationOf(message.method, message.params) : undefined;
      for (const [title, reader] of Object.entries(readers)) {
        assert.equal(reader(text, 'method'), JSON.stringify(message.method), title);
        if (mediation === undefined) continue;
        const paramsText = reader(text, 'params');
        assert.ok(paramsText !== undefined, title);
        assert.equal(reader(paramsText, 'name'), JSON.stringify(mediation.entity.name), title);
      }
    }),
    { numRuns: 3000 },
  );
});
