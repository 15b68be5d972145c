import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { SessionStoreError } from './label-store.ts';

/** Turns labels into the members that a server keeps, and back. `session` is the session's 64 hex digits in its key. */
export interface LabelCodec {
  /** Throws `SessionStoreError` when the label cannot be kept faithfully. */
  encode(label: string, session: string): string;
  /** Throws `SessionStoreError` of failure `corrupt` when the member is not one that `encode` makes. */
  decode(member: string, session: string): string;
}

/** Every signed member begins so, and no label may. */
const SIGNED = 'hmac-sha256:v1:';
const MAC_LENGTH = 43;
const MAX_REMEMBERED = 50_000;

/** What invalid UTF-8 is decoded to, so that a member which holds it cannot be told from a broken one. */
const REPLACEMENT = '\uFFFD';

/** Labels as they are. Signed members are refused: without the key their labels cannot be known. */
export const plainLabels: LabelCodec = {
  encode(label) {
    refuseUnfaithful(label);
    if (label.startsWith(SIGNED)) throw new SessionStoreError('corrupt', 'a label begins like a signed one');
    return label;
  },
  decode(member) {
    if (member.startsWith(SIGNED)) throw corrupt('a label is signed, and no `integrity` key is configured');
    if (member.includes(REPLACEMENT)) throw corrupt('a label is not valid UTF-8');
    return member;
  },
};

/**
 * Labels with a code (HMAC-SHA-256) over the session and the label, so that whoever lacks the keys can neither forge
 * labels nor move them between sessions. The first key signs, all verify. Source: session state specification,
 * "Label integrity".
 */
export function signedLabels(secrets: readonly string[]): LabelCodec {
  const keys = secrets.map((secret) => createSecretKey(Buffer.from(secret)));
  const signing = keys[0];
  if (signing === undefined) throw new Error('no key to sign labels with');
  const verified = new LRUCache<string, string>({ max: MAX_REMEMBERED });
  return {
    encode(label, session) {
      refuseUnfaithful(label);
      return `${SIGNED}${macOf(signing, label, session).toString('base64url')}:${label}`;
    },
    decode(member, session) {
      const place = session + member;
      const known = verified.get(place);
      if (known !== undefined) return known;
      const macEnd = SIGNED.length + MAC_LENGTH;
      if (!member.startsWith(SIGNED) || member[macEnd] !== ':') throw corrupt('a label is not signed');
      const label = member.slice(macEnd + 1);
      if (label.includes(REPLACEMENT)) throw corrupt('a label is not valid UTF-8');
      const mac = Buffer.from(member.slice(SIGNED.length, macEnd), 'base64url');
      if (!keys.some((key) => equal(mac, macOf(key, label, session)))) {
        throw corrupt('a label is signed with an unknown key, or for another session');
      }
      verified.set(place, label);
      return label;
    },
  };
}

function macOf(key: KeyObject, label: string, session: string): Buffer {
  // The session has a fixed length, so no two pairs give the same text.
  return createHmac('sha256', key).update(`indelible-label-v1;${session};${label}`).digest();
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function refuseUnfaithful(label: string): void {
  if (label.includes(REPLACEMENT) || /\p{Surrogate}/u.test(label)) {
    throw new SessionStoreError('corrupt', 'a label has no faithful UTF-8 form');
  }
}

function corrupt(message: string): SessionStoreError {
  return new SessionStoreError('corrupt', message);
}
