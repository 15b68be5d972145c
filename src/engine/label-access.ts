import { LabelSet } from '../session/label-set.ts';
import { SessionStoreError, type Awaitable, type LabelStore } from '../session/label-store.ts';

/**
 * The labels of a session, at once when the store answers at once. Throws or rejects with what the store does, and with
 * `SessionStoreError` of failure `corrupt` when it answers with anything but a set of texts.
 */
export function loadLabels(store: LabelStore, sessionId: string): Awaitable<ReadonlySet<string>> {
  const answer: unknown = store.loadLabels(sessionId);
  if (answer instanceof LabelSet) return answer;
  return isThenable(answer) ? Promise.resolve(answer).then(checked) : checked(answer);
}

function checked(answer: unknown): ReadonlySet<string> {
  if (isTextSet(answer)) return answer;
  throw new SessionStoreError('corrupt', 'the store answered with something that is not a set of labels');
}

function isTextSet(answer: unknown): answer is ReadonlySet<string> {
  if (!(answer instanceof Set)) return false;
  for (const member of answer) if (typeof member !== 'string') return false;
  return true;
}

/** Undefined once the store has taken the labels, or a promise of that. Throws or rejects with what the store does. */
export function appendLabels(
  store: LabelStore,
  sessionId: string,
  labels: readonly string[],
): Promise<unknown> | undefined {
  const answer: unknown = store.appendLabels(sessionId, labels);
  return isThenable(answer) ? Promise.resolve(answer) : undefined;
}

/** True for promises of any make. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
