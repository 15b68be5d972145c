import { randomInt } from 'node:crypto';
import { SessionNotFoundError, type TransportStorage } from '../../transport/transport-storage.ts';
import { readAnswer, readQuestion, type Answer, type Question } from './question.ts';

/** Questions of one caller that may be open at the same time, so that an agent cannot flood those who are asked. */
export const MAX_OPEN_PER_CALLER = 8;
/** Questions in the list of operators. */
export const MAX_LISTED = 256;

/** Too many questions are open already. */
export class TooManyQuestionsError extends Error {
  override readonly name = 'TooManyQuestionsError';
}

/**
 * Questions, answers and redemptions in the storage of transport sessions, so that any replica can go on with what another
 * began. Every step that must happen once is a `create`; a question is only ever rewritten by the replica that asks.
 * Methods reject with the storage's errors.
 */
export class QuestionStore {
  readonly #storage: () => TransportStorage;
  readonly #now: () => number;

  constructor(storage: () => TransportStorage, now: () => number) {
    this.#storage = storage;
    this.#now = now;
  }

  /** Keeps a new question. Rejects with `TooManyQuestionsError` when its caller has too many open. */
  async open(question: Question): Promise<Question> {
    const slot = await this.#take(`elicitation-open:${question.caller}:`, MAX_OPEN_PER_CALLER, question);
    const opened = { ...question, slots: [slot] };
    if (!(await this.#create(questionKey(question.id), opened))) throw new Error('an id was drawn twice');
    return opened;
  }

  /** Notes what the channel keeps. A listed question takes a place in the list of operators. */
  async asked(question: Question): Promise<Question> {
    const slots = question.listed
      ? [...question.slots, await this.#take(LISTED, MAX_LISTED, question)]
      : question.slots;
    const asked = { ...question, slots };
    for (const slot of question.slots) await this.#storage().update(this.#session(slot, holding(question)));
    await this.#storage().update(this.#session(questionKey(question.id), asked));
    return asked;
  }

  /** Notes what the channel keeps from now on. */
  async keep(question: Question): Promise<void> {
    await this.#storage().update(this.#session(questionKey(question.id), question));
  }

  /** Undefined when there is no such question. */
  async find(id: string): Promise<Question | undefined> {
    return readQuestion(await this.#load(questionKey(id)));
  }

  async answerTo(id: string): Promise<Answer | undefined> {
    return readAnswer(await this.#load(answerKey(id)));
  }

  /** Records an answer; the one that counts is returned, which is another's when that came first. */
  async answer(question: Question, answer: Answer): Promise<Answer> {
    const isFirst = await this.#create(answerKey(question.id), answer);
    await this.#release(question);
    if (isFirst) return answer;
    const earlier = await this.answerTo(question.id);
    if (earlier === undefined) throw new Error('an answer is there and cannot be read');
    return earlier;
  }

  /** Whether an answer to the question was used up. */
  async isUsed(id: string): Promise<boolean> {
    return (await this.#load(usedKey(id))) !== undefined;
  }

  /** Uses up the answer. Of several callers, on whatever replica, one gets true. */
  async use(question: Question): Promise<boolean> {
    if (!(await this.#create(usedKey(question.id), { at: this.#now() }))) return false;
    await this.#storage().delete(answerKey(question.id));
    await this.#release(question);
    return true;
  }

  /** Forgets a question that was never put. */
  async discard(question: Question): Promise<void> {
    await this.#storage().delete(questionKey(question.id));
    await this.#release(question);
  }

  /** Notes the question as that of a call, which a digest names, instead of any earlier one. */
  async recallAs(call: string, question: Question): Promise<void> {
    const record = this.#session(callKey(call), holding(question));
    if (!(await this.#storage().create(record))) await this.#storage().update(record);
  }

  /** The question of a call; undefined when there is none. */
  async recalled(call: string): Promise<Question | undefined> {
    const held = heldBy(await this.#load(callKey(call)));
    return held === undefined ? undefined : this.find(held.id);
  }

  async forget(call: string): Promise<void> {
    await this.#storage().delete(callKey(call));
  }

  /** The questions that wait for an operator, in the order asked. */
  async listed(): Promise<readonly Question[]> {
    const slots = await Promise.all(Array.from({ length: MAX_LISTED }, async (_, i) => this.#load(LISTED + String(i))));
    const ids = slots.flatMap((slot) => heldBy(slot)?.id ?? []);
    const found = await Promise.all(ids.map(async (id) => this.find(id)));
    return found
      .filter((question) => question !== undefined)
      .filter(({ expiresAt }) => expiresAt > this.#now())
      .toSorted((a, b) => a.askedAt - b.askedAt);
  }

  /** Takes one of `size` places, a free one or one whose question expired. */
  async #take(prefix: string, size: number, question: Question): Promise<string> {
    const first = randomInt(size);
    const places = Array.from({ length: size }, (_, i) => prefix + String((first + i) % size));
    for (const place of places) if (await this.#create(place, holding(question))) return place;
    for (const place of places) {
      const held = heldBy(await this.#load(place));
      if (held !== undefined && held.expiresAt > this.#now()) continue;
      await this.#storage().delete(place);
      if (await this.#create(place, holding(question))) return place;
    }
    throw new TooManyQuestionsError(`${size} questions are open`);
  }

  /** A place whose question expired may be another's by now. */
  async #release({ id, slots }: Question): Promise<void> {
    for (const slot of slots) {
      if (heldBy(await this.#load(slot))?.id === id) await this.#storage().delete(slot);
    }
  }

  #create(id: string, data: object): Promise<boolean> {
    return Promise.resolve(this.#storage().create(this.#session(id, data)));
  }

  #session(id: string, data: object): Parameters<TransportStorage['create']>[0] {
    const now = this.#now();
    return { id, type: 'mcp', createdAt: now, updatedAt: now, metadata: {}, data };
  }

  async #load(id: string): Promise<unknown> {
    try {
      return (await this.#storage().load(id)).data;
    } catch (error) {
      if (error instanceof SessionNotFoundError) return undefined;
      throw error;
    }
  }
}

const LISTED = 'elicitation-listed:';

function questionKey(id: string): string {
  return `elicitation:${id}`;
}

function answerKey(id: string): string {
  return `elicitation-answer:${id}`;
}

function usedKey(id: string): string {
  return `elicitation-used:${id}`;
}

function callKey(call: string): string {
  return `elicitation-call:${call}`;
}

function holding({ id, expiresAt }: Question): { readonly id: string; readonly expiresAt: number } {
  return { id, expiresAt };
}

function heldBy(data: unknown): { readonly id: string; readonly expiresAt: number } | undefined {
  if (typeof data !== 'object' || data === null || !('id' in data) || !('expiresAt' in data)) return undefined;
  const { id, expiresAt } = data;
  return typeof id === 'string' && typeof expiresAt === 'number' ? { id, expiresAt } : undefined;
}
