import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { MAX_HANDLE_LABELS, sessionHandles } from '../../src/session/session-handle.ts';
import type { SessionHandle, SessionHandles } from '../../src/session/session-handle.ts';
import type { SessionSubject } from '../../src/session/session-identity.ts';

const NAMES = { header: 'Indelible-Session', meta: undefined };
const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 22);
const ANN: SessionSubject = { issuer: 'https://idp', id: 'ann' };
const SESSION = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

function handlesOf(...secrets: readonly string[]): SessionHandles {
  return sessionHandles(secrets, NAMES, HOUR);
}

const handles = handlesOf('k'.repeat(32));

function mint(labels: Iterable<string>, by = handles, subject = ANN, session = SESSION): string {
  return by.mint(subject, session, new Set(labels), NOW + HOUR);
}

function read(text: string, by = handles, subject = ANN, now = NOW): SessionHandle {
  const handle = by.read(text, subject, now);
  assert.ok(typeof handle === 'object');
  return handle;
}

describe('a session handle', () => {
  it('says which session it was given out in, and until when', () => {
    const { sessionId, expiresAt } = read(mint(['secret']));
    assert.equal(sessionId, SESSION);
    assert.equal(expiresAt, NOW + HOUR);
  });

  it('counts until its time and no longer', () => {
    const text = mint([]);
    assert.equal(typeof handles.read(text, ANN, NOW + HOUR - 1), 'object');
    assert.equal(handles.read(text, ANN, NOW + HOUR), 'expired');
  });

  it('is invalid for another subject, issuer or key, and when it was changed', () => {
    const text = mint(['secret']);
    for (const subject of [
      { issuer: 'https://idp', id: 'bob' },
      { issuer: 'https://other', id: 'ann' },
      { issuer: undefined, id: 'ann' },
    ]) {
      assert.equal(handles.read(text, subject, NOW), 'invalid');
    }
    assert.equal(handlesOf('x'.repeat(32)).read(text, ANN, NOW), 'invalid');
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
      assert.equal(handles.read(changed, ANN, NOW), 'invalid', `position ${at}`);
    }
  });

  it('is invalid where it is cut, prolonged or no handle at all', () => {
    const text = mint(['a', 'b', 'c']);
    for (let length = 0; length < text.length; length++) {
      assert.equal(handles.read(text.slice(0, length), ANN, NOW), 'invalid');
    }
    for (const other of [
      `${text}=`,
      `${text} `,
      ` ${text}`,
      `${text}\n`,
      `${text},${text}`,
      'v1.',
      `v1.${'A'.repeat(5000)}`,
    ]) {
      assert.equal(handles.read(other, ANN, NOW), 'invalid', other);
    }
  });

  it('survives a rotation of keys as long as its own is accepted', () => {
    const [first, second] = ['1'.repeat(32), '2'.repeat(32)];
    const old = mint(['secret'], handlesOf(first));
    const rotated = handlesOf(second, first);
    assert.equal(read(old, rotated).lacks(new Set(['secret'])), false);
    assert.equal(read(old, rotated).lacks(new Set(['other'])), true);
    assert.equal(typeof handlesOf(second).read(mint([], rotated), ANN, NOW), 'object', 'the first key signs');
    assert.equal(handlesOf(second).read(old, ANN, NOW), 'invalid');
  });

  it('tells neither the labels nor whether two sessions share one', () => {
    const digestsOf = (text: string): string =>
      Buffer.from(text.slice(3), 'base64url').subarray(42, -32).toString('hex');
    const [here, there] = [mint(['salary']), mint(['salary'], handles, ANN, OTHER)];
    assert.equal(digestsOf(here).length, 16);
    assert.notEqual(digestsOf(here), digestsOf(there));
    assert.ok(!Buffer.from(here.slice(3), 'base64url').includes('salary'));
  });

  it('stays within the size that headers allow', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => `label-${index}`);
    const text = mint(many);
    assert.equal(text.length, 785);
    assert.match(text, /^v1\.[\w-]+$/);
    assert.equal(read(text).lacks(new Set(many)), false);
  });
});

describe('the labels that a handle vouches for', () => {
  const label = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' });
  const labels = fc.uniqueArray(label, { maxLength: MAX_HANDLE_LABELS + 20 });

  it('are not lacking when the session only grew', () => {
    fc.assert(
      fc.property(labels, labels, (had, more) => {
        assert.equal(read(mint(had)).lacks(new Set([...had, ...more])), false);
      }),
    );
  });

  it('are found lacking whichever is lost, also when others came instead', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(label, { minLength: 1, maxLength: MAX_HANDLE_LABELS }),
        fc.nat(),
        labels,
        (had, at, more) => {
          const lost = had[at % had.length];
          const left = [...had, ...more].filter((each) => each !== lost);
          assert.equal(read(mint(had)).lacks(new Set(left)), true);
        },
      ),
    );
  });

  it('are found lacking by their number when there are more than it holds', () => {
    const had = Array.from({ length: MAX_HANDLE_LABELS * 2 }, (_, index) => `label-${index}`);
    const handle = read(mint(had));
    for (const lost of had) assert.equal(handle.lacks(new Set(had.filter((each) => each !== lost))), true);
    const replaced = had.filter((lost) => handle.lacks(new Set([...had.filter((each) => each !== lost), 'new'])));
    assert.equal(replaced.length, MAX_HANDLE_LABELS, 'those that it holds a digest of');
  });
});
