import type { Alarm, Awaitable, LabelStore } from '../session/label-store.ts';
import type { SessionHandle, SessionHandles } from '../session/session-handle.ts';
import type { SessionIdentity, SessionSource, SessionSubject } from '../session/session-identity.ts';
import { deny, type Halt } from './halt.ts';
import { appendLabels, loadLabels } from './label-access.ts';

const HANDLE_INVALID = deny('session.handle_invalid', 'the session handle is not one that was given to this caller');
const LABELS_LOST = deny('session.labels_lost', 'the session once had labels that its store no longer has');

/** Why the labels of a session are not loaded, or do not count. Never holds labels or handles. */
export class SessionRefusal extends Error {
  override readonly name = 'SessionRefusal';
  readonly halt: Halt;
  readonly alarm: Alarm;

  constructor(halt: Halt, alarm: Alarm) {
    super(halt.reason);
    this.halt = halt;
    this.alarm = alarm;
  }
}

/** What the sessions of one operation are made of. */
export interface LabelSessionStart {
  /** The session that policy and records see. */
  readonly identity: SessionIdentity;
  /** Ids of further sessions that the operation belongs to. */
  readonly others: readonly string[];
  readonly subject: SessionSubject;
  /** Undefined when no handles are given out. */
  readonly handles: SessionHandles | undefined;
  /** What the request came with. */
  readonly presented: SessionHandle | 'invalid' | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * The sessions of one operation where a bundle has rules for them. Sessions that meet in one operation are joined: what
 * either was labelled, both are from then on, so that none of them can be left to shed a label. To records it is the
 * identity alone: everything else is private.
 */
export class LabelSession implements SessionIdentity {
  readonly id: string;
  readonly source: SessionSource;
  readonly #start: LabelSessionStart;
  /** Until when labels that are stored now cannot have expired; undefined unless the last load went well. */
  #labelsUntil: number | undefined;

  constructor(start: LabelSessionStart) {
    this.id = start.identity.id;
    this.source = start.identity.source;
    this.#start = start;
  }

  /** As `loadLabels`; also throws or rejects with `SessionRefusal`. */
  load(store: LabelStore): Awaitable<ReadonlySet<string>> {
    const { presented, others, now } = this.#start;
    if (presented === 'invalid') {
      throw new SessionRefusal(HANDLE_INVALID, { alarm: 'session_handle_invalid', session: this.id });
    }
    this.#labelsUntil = undefined;
    const startedAt = now();
    const admit = (loaded: ReadonlySet<string>): ReadonlySet<string> => {
      this.#check(this.id, loaded);
      this.#labelsUntil = startedAt + (store.labelLifetime ?? Infinity);
      return loaded;
    };
    if (others.length > 0) return this.#loadAll(store, others).then(admit);
    const loaded = loadLabels(store, this.id);
    return loaded instanceof Promise ? loaded.then(admit) : admit(loaded);
  }

  /** As `appendLabels`: one call a session, at the same time. */
  append(store: LabelStore, labels: readonly string[]): Promise<unknown> | undefined {
    const { others } = this.#start;
    if (others.length === 0) return appendLabels(store, this.id, labels);
    return appendToAll(
      store,
      [this.id, ...others].map((id) => ({ id, labels })),
    );
  }

  /** A handle of this session, which has `labels`; undefined when none are given out or nothing was loaded. */
  handle(labels: ReadonlySet<string>): string | undefined {
    const { handles, subject, now } = this.#start;
    if (handles === undefined || this.#labelsUntil === undefined) return undefined;
    const expiresAt = Math.min(now() + handles.lifetime, this.#labelsUntil);
    return handles.mint(subject, this.id, labels, expiresAt);
  }

  async #loadAll(store: LabelStore, others: readonly string[]): Promise<ReadonlySet<string>> {
    const sessions = await Promise.all(
      [this.id, ...others].map(async (id) => ({ id, labels: await loadLabels(store, id) })),
    );
    for (const { id, labels } of sessions) this.#check(id, labels);
    const all = new Set(sessions.flatMap(({ labels }) => [...labels]));
    const behind = sessions.filter(({ labels }) => labels.size < all.size);
    await appendToAll(
      store,
      behind.map(({ id, labels }) => ({ id, labels: [...all].filter((label) => !labels.has(label)) })),
    );
    return all;
  }

  /** Throws when the handle that came with the request knows of labels that the session no longer has. */
  #check(id: string, labels: ReadonlySet<string>): void {
    const { presented, now } = this.#start;
    if (presented === undefined || presented === 'invalid' || presented.sessionId !== id) return;
    if (now() >= presented.expiresAt || !presented.lacks(labels)) return;
    throw new SessionRefusal(LABELS_LOST, { alarm: 'session_labels_lost', session: id });
  }
}

/** As `loadLabels`, of every session that the operation belongs to. Throws or rejects with `SessionRefusal` too. */
export function loadSessionLabels(store: LabelStore, session: SessionIdentity): Awaitable<ReadonlySet<string>> {
  return session instanceof LabelSession ? session.load(store) : loadLabels(store, session.id);
}

/** As `appendLabels`, to every session that the operation belongs to. */
export function appendSessionLabels(
  store: LabelStore,
  session: SessionIdentity,
  labels: readonly string[],
): Promise<unknown> | undefined {
  return session instanceof LabelSession ? session.append(store, labels) : appendLabels(store, session.id, labels);
}

function appendToAll(
  store: LabelStore,
  appends: readonly { readonly id: string; readonly labels: readonly string[] }[],
): Promise<unknown> {
  return Promise.all(appends.map(async ({ id, labels }) => appendLabels(store, id, labels)));
}
