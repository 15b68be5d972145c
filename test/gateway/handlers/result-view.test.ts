import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject, JsonValue } from '../../../src/engine/operation.ts';
import { rootSpan } from '../../../src/gateway/json/json-scan.ts';
import type { MediatedMethod } from '../../../src/gateway/protocol/mediation.ts';
import { viewResult, writeResult } from '../../../src/gateway/handlers/result-view.ts';

function view(result: JsonObject, method: MediatedMethod = 'tools/call'): JsonValue | undefined {
  return viewResult(method, result).value;
}

/** The text of the result after policy made `after` of what it saw. */
function write(text: string, after: JsonValue | undefined, method: MediatedMethod = 'tools/call'): string | undefined {
  const result = JSON.parse(text) as JsonObject;
  return writeResult(text, rootSpan(text), result, viewResult(method, result), after);
}

const text = (value: string): JsonObject => ({ type: 'text', text: value });
const image: JsonObject = { type: 'image', data: 'AAAA', mimeType: 'image/png' };

describe('what policy sees', () => {
  test('structured content comes first', () => {
    assert.deepEqual(view({ structuredContent: { a: 1 }, content: [text('{"a":2}')] }), { a: 1 });
  });

  test('the only text is read as JSON when it is an object or array', () => {
    assert.deepEqual(view({ content: [text(' {"a":1}')] }), { a: 1 });
    assert.deepEqual(view({ content: [image, text('[1]')] }), [1]);
    assert.equal(view({ content: [text('42')] }), '42');
    assert.equal(view({ content: [text('{not json')] }), '{not json');
    const resource = { type: 'resource', resource: { uri: 'a://b', text: '{"a":1}' } };
    assert.deepEqual(view({ content: [resource] }), { a: 1 });
  });

  test('several texts are one text', () => {
    assert.equal(view({ content: [text('a'), image, text('b')] }), 'a\nb');
  });

  test('no text is nothing', () => {
    assert.equal(view({ content: [image] }), undefined);
    assert.equal(view({ resultType: 'input_required', inputRequests: {} }), undefined);
  });

  test('a text that repeats a key is not read at all', () => {
    const result = { content: [text('{"a":{"ssn":"1"},"a":{}}')] };
    assert.equal(viewResult('tools/call', result).kind, 'ambiguous');
  });

  test('integers are not rounded', () => {
    assert.deepEqual(view({ content: [text('{"n":9007199254740993}')] }), { n: 9007199254740993n });
  });

  test('prompts show their messages, resources their contents', () => {
    assert.deepEqual(view({ messages: [1], description: 'x' }, 'prompts/get'), [1]);
    assert.deepEqual(view({ contents: [{ uri: 'a://b' }] }, 'resources/read'), [{ uri: 'a://b' }]);
  });
});

describe('what policy changed is written back in its shape', () => {
  test('structured content and the text that mirrors it', () => {
    assert.equal(
      write(
        '{"content":[{"type":"text","text":"{ \\"n\\": 1.0, \\"ssn\\": \\"1\\" }"}],"structuredContent":{"n":1.0,"ssn":"1"}}',
        {
          n: 1,
          ssn: 'x',
        },
      ),
      '{"content":[{"type":"text","text":"{\\"n\\":1.0,\\"ssn\\":\\"x\\"}"}],"structuredContent":{"n":1.0,"ssn":"x"}}',
    );
  });

  test('a text that says it in other words gives way', () => {
    const written = write(
      JSON.stringify({ structuredContent: { ssn: '1' }, content: [text('The SSN is 1'), image, text('really 1')] }),
      { ssn: 'x' },
    );
    assert.deepEqual(JSON.parse(written ?? ''), {
      structuredContent: { ssn: 'x' },
      content: [text('{"ssn":"x"}'), image],
    });
  });

  test('structured content without any text stays without', () => {
    assert.equal(
      write('{"structuredContent":{"a":1},"_meta":{"k":1.0}}', { a: 2 }),
      '{"structuredContent":{"a":2},"_meta":{"k":1.0}}',
    );
  });

  test('a text keeps the numbers that did not change', () => {
    assert.equal(
      write('{"content":[{"type":"text","text":"{\\"n\\":1.50,\\"ssn\\":\\"1\\"}","annotations":{}}]}', { n: 1.5 }),
      '{"content":[{"type":"text","text":"{\\"n\\":1.50}","annotations":{}}]}',
    );
  });

  test('several texts become one', () => {
    assert.equal(
      write(JSON.stringify({ content: [text('a'), image, text('b')], isError: true }), 'c'),
      JSON.stringify({ content: [text('c'), image], isError: true }),
    );
  });

  test('the text of an embedded resource', () => {
    const resource = { type: 'resource', resource: { uri: 'a://b', text: 'old' } };
    const written = write(JSON.stringify({ content: [resource] }), 'new');
    assert.deepEqual(JSON.parse(written ?? ''), {
      content: [{ type: 'resource', resource: { uri: 'a://b', text: 'new' } }],
    });
  });

  test('messages and contents', () => {
    assert.equal(
      write('{"messages":[{"n":1.0},{"n":2.0}],"description":"d"}', [{ n: 2 }], 'prompts/get'),
      '{"messages":[{"n":2}],"description":"d"}',
    );
    assert.equal(
      write('{"contents":[{"uri":"a","text":"x"}]}', [{ uri: 'a', text: 'y' }], 'resources/read'),
      '{"contents":[{"uri":"a","text":"y"}]}',
    );
  });

  test('the outdated form of a result is left out', () => {
    const written = write(JSON.stringify({ structuredContent: { a: 1 }, toolResult: { a: 1 } }), { a: 2 });
    assert.deepEqual(JSON.parse(written ?? ''), { structuredContent: { a: 2 } });
  });

  test('a value that does not fit is not written', () => {
    assert.equal(write('{"structuredContent":{"a":1}}', 'text'), undefined);
    assert.equal(write('{"structuredContent":{"a":1}}', undefined), undefined);
    assert.equal(write('{"messages":[]}', { a: 1 }, 'prompts/get'), undefined);
    assert.equal(write('{"content":[]}', 'text'), undefined);
  });
});
