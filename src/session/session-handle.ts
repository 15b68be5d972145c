import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { subjectBinding, type SessionSubject } from './session-identity.ts';

/** Labels that one handle vouches for one by one; of more it knows the number. */
export const MAX_HANDLE_LABELS = 64;

const VERSION = 'v1.';
const EXPIRY_BYTES = 6;
const SESSION_BYTES = 32;
const COUNT_BYTES = 4;
const DIGEST_BYTES = 8;
const MAC_BYTES = 32;
const FIXED_BYTES = EXPIRY_BYTES + SESSION_BYTES + COUNT_BYTES;
const MAX_TEXT = VERSION.length + Math.ceil(((FIXED_BYTES + MAX_HANDLE_LABELS * DIGEST_BYTES + MAC_BYTES) * 4) / 3);
const LATEST = 2 ** 48 - 1;
const MAX_REMEMBERED = 50_000;

/** How the handle travels. */
export interface HandleNames {
  /** Of requests and responses; letters, digits and `-`, as written in the bundle. */
  readonly header: string;
  /** Key of `_meta`; undefined when the header alone carries the handle. */
  readonly meta: string | undefined;
}

/** A handle whose signature held. */
export interface SessionHandle {
  /** 64 hex digits: the session in which it was given out. */
  readonly sessionId: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  /** Whether labels that the session had when the handle was given out are not among `labels`. */
  lacks(labels: ReadonlySet<string>): boolean;
}

/**
 * Makes and reads the handles of one key. A handle is a text of at most 785 characters that only this key's holders can
 * make, for one subject and one session, until it expires. It also says which labels the session had, so that a store
 * that has lost one is found out.
 *
 * Labels only grow, so their number alone would do as an epoch, if no lost label could be made up for by another. So
 * the handle holds, beside the number, a digest of each label: HMAC-SHA-256 over session and label, 64 bits of it. The
 * store keeps nothing for this and is asked nothing more: whether the labels that a load gives cover the digests is
 * seen here. Keyed and bound to the session, digests tell a client neither the labels nor whether two sessions share
 * one; it learns their number. Above `MAX_HANDLE_LABELS` labels, the handle holds the smallest digests: each of those
 * labels is still known, of the others only the number.
 */
export interface SessionHandles {
  readonly names: HandleNames;
  /** Milliseconds that a new handle counts at most. */
  readonly lifetime: number;
  /** `expiresAt` in Unix milliseconds, `labels` all that the session has. */
  mint(subject: SessionSubject, sessionId: string, labels: ReadonlySet<string>, expiresAt: number): string;
  /**
   * `expired` for one that has counted for its time. `invalid` for everything else that does not count: text that is no
   * handle, one of another key, one of another subject.
   */
  read(text: string, subject: SessionSubject, now: number): SessionHandle | 'expired' | 'invalid';
}

/** The first secret signs, all verify; at least one. Source: session state specification, "Session identity". */
export function sessionHandles(secrets: readonly string[], names: HandleNames, lifetime: number): SessionHandles {
  const keys = secrets.map((secret) => new HandleKey(secret));
  const [signing] = keys;
  if (signing === undefined) throw new Error('no key to sign handles with');
  return {
    names,
    lifetime,
    mint(subject, sessionId, labels, expiresAt) {
      const digests = [...labels].map((label) => signing.digestOf(sessionId, label)).toSorted();
      const body = Buffer.alloc(FIXED_BYTES);
      body.writeUIntBE(Math.min(Math.max(Math.floor(expiresAt), 0), LATEST), 0, EXPIRY_BYTES);
      body.write(sessionId, EXPIRY_BYTES, 'hex');
      body.writeUInt32BE(labels.size, EXPIRY_BYTES + SESSION_BYTES);
      const held = Buffer.concat([body, Buffer.from(digests.slice(0, MAX_HANDLE_LABELS).join(''), 'hex')]);
      return VERSION + Buffer.concat([held, signing.sign(held, subject)]).toString('base64url');
    },
    read(text, subject, now) {
      const held = decode(text);
      if (held === undefined) return 'invalid';
      const key = keys.find((each) => each.verifies(held.body, held.mac, subject));
      if (key === undefined) return 'invalid';
      const expiresAt = held.body.readUIntBE(0, EXPIRY_BYTES);
      return now < expiresAt ? new KnownHandle(key, held.body, expiresAt) : 'expired';
    },
  };
}

class HandleKey {
  readonly #key: KeyObject;
  readonly #digests = new LRUCache<string, string>({ max: MAX_REMEMBERED });

  constructor(secret: string) {
    this.#key = createSecretKey(Buffer.from(secret));
  }

  /** Hex digits. */
  digestOf(sessionId: string, label: string): string {
    // The session has a fixed length, so no two pairs give the same text.
    const place = sessionId + label;
    let digest = this.#digests.get(place);
    if (digest === undefined) {
      const mac = createHmac('sha256', this.#key).update(`indelible-handle-label-v1;${place}`).digest();
      digest = mac.toString('hex', 0, DIGEST_BYTES);
      this.#digests.set(place, digest);
    }
    return digest;
  }

  sign(body: Buffer, subject: SessionSubject): Buffer {
    const binding = subjectBinding(subject);
    return createHmac('sha256', this.#key).update(`indelible-handle-v1;${binding};`).update(body).digest();
  }

  verifies(body: Buffer, mac: Buffer, subject: SessionSubject): boolean {
    return timingSafeEqual(mac, this.sign(body, subject));
  }
}

class KnownHandle implements SessionHandle {
  readonly sessionId: string;
  readonly expiresAt: number;
  readonly #key: HandleKey;
  readonly #body: Buffer;

  constructor(key: HandleKey, body: Buffer, expiresAt: number) {
    this.#key = key;
    this.#body = body;
    this.expiresAt = expiresAt;
    this.sessionId = body.toString('hex', EXPIRY_BYTES, EXPIRY_BYTES + SESSION_BYTES);
  }

  lacks(labels: ReadonlySet<string>): boolean {
    const count = this.#body.readUInt32BE(EXPIRY_BYTES + SESSION_BYTES);
    if (labels.size < count) return true;
    if (count === 0) return false;
    const known = new Set<string>();
    for (const label of labels) known.add(this.#key.digestOf(this.sessionId, label));
    for (let at = FIXED_BYTES; at < this.#body.length; at += DIGEST_BYTES) {
      if (!known.has(this.#body.toString('hex', at, at + DIGEST_BYTES))) return true;
    }
    return false;
  }
}

function decode(text: string): { readonly body: Buffer; readonly mac: Buffer } | undefined {
  if (text.length > MAX_TEXT || !text.startsWith(VERSION)) return undefined;
  const written = text.slice(VERSION.length);
  const bytes = Buffer.from(written, 'base64url');
  // Decoding passes over what is no digit, and one handle has one text.
  if (bytes.toString('base64url') !== written) return undefined;
  const bodyBytes = bytes.length - MAC_BYTES;
  if (bodyBytes < FIXED_BYTES || (bodyBytes - FIXED_BYTES) % DIGEST_BYTES !== 0) return undefined;
  return { body: bytes.subarray(0, bodyBytes), mac: bytes.subarray(bodyBytes) };
}
