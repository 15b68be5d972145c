import { randomBytes } from 'node:crypto';
import type { Alarm } from '../../session/label-store.ts';
import { TransportStorageError, type TransportStorage } from '../../transport/transport-storage.ts';
import { elicitationId, isPeek } from '../attributes.ts';
import type { Frame } from '../frame.ts';
import { deny, type Halt } from '../halt.ts';
import type { CallbackMessage } from '../plugin.ts';
import type { PluginHandle } from '../plugin-handle.ts';
import type { Elicited } from './elicited.ts';
import { isQuestionId, type GivenAnswer, type Question } from './question.ts';
import { digestOf, requesterOf } from './requester.ts';
import { lacksWords } from './verbs.ts';
import { QuestionStore, TooManyQuestionsError } from './question-store.ts';

export interface QuestionDeskOptions {
  /** Asked for each time: a reload may replace it. */
  readonly storage: () => TransportStorage;
  /** Digest of the bundle, hex; asked for once operations are decided. */
  readonly digest: () => string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly alarm: (alarm: Alarm) => void;
  /** The plugin of a name. */
  readonly plugin: (name: string) => PluginHandle | undefined;
}

/** Why an answer was not taken. */
export type AnswerRefusal =
  | 'untrusted'
  | 'unknown'
  | 'expired'
  | 'answered'
  | 'used'
  | 'wrong_approver'
  | 'incomplete_answer';

/** The questions of a bundle: asked by its steps, answered through its channels. */
export class QuestionDesk {
  readonly store: QuestionStore;
  readonly #options: QuestionDeskOptions;

  constructor(options: QuestionDeskOptions) {
    this.#options = options;
    this.store = new QuestionStore(options.storage, options.now);
  }

  get now(): number {
    return this.#options.now();
  }

  get digest(): string {
    return this.#options.digest();
  }

  newId(): string {
    return randomBytes(32).toString('hex');
  }

  /** What the phase knows of questions; the ones that the caller names are looked up once. */
  of(frame: Frame, caller: string): Elicited {
    frame.elicitation ??= { carried: this.#carried(frame, caller), honoured: [], latest: undefined };
    return frame.elicitation;
  }

  /**
   * Uses up what the phase went on with, unless the caller only peeks. A halt then, and when somebody else was first or
   * the storage does not answer.
   */
  async redeem(frame: Frame): Promise<Halt | undefined> {
    const honoured = frame.elicitation?.honoured ?? [];
    const latest = honoured.at(-1);
    if (latest !== undefined && isPeek(frame)) return approvedOnPeek(latest);
    try {
      for (const question of honoured) {
        if (question.expiresAt <= this.now) return EXPIRED;
        if (!(await this.store.use(question))) return USED;
      }
      return undefined;
    } catch (error) {
      return this.failed(error);
    }
  }

  /**
   * Takes the answer to a question that `mayAnswer` accepts. Rejects with the storage's errors. Who may answer in whose
   * name is for the caller to know.
   */
  async answer(
    id: string,
    given: GivenAnswer,
    mayAnswer: (question: Question) => boolean,
  ): Promise<Question | AnswerRefusal> {
    const question = isQuestionId(id) ? await this.store.find(id) : undefined;
    if (question === undefined || !mayAnswer(question)) return 'unknown';
    if (await this.store.isUsed(id)) return 'used';
    if (question.expiresAt <= this.now) return 'expired';
    if (given.approver !== question.approver) return 'wrong_approver';
    if (given.outcome === 'approved' && lacksWords(question.verb, given)) return 'incomplete_answer';
    const answer = { ...given, at: this.now };
    return (await this.store.answer(question, answer)) === answer ? question : 'answered';
  }

  /** Takes what came from outside for the plugin of this name. Rejects with the storage's errors. */
  async receive(name: string, message: CallbackMessage): Promise<Question | AnswerRefusal> {
    const given = await this.#options.plugin(name)?.readAnswer(message);
    if (given === undefined) return 'untrusted';
    return this.answer(given.question, given.answer, ({ plugin }) => plugin === name);
  }

  /** Lets the same call find the question again without an id, when its session is of that kind. */
  async recall(frame: Frame, question: Question): Promise<void> {
    const call = this.#callOf(frame, question.caller);
    if (call !== undefined) await this.store.recallAs(call, question);
  }

  /** The same call asks anew. */
  async forget(frame: Frame): Promise<void> {
    const caller = requesterOf(frame)?.caller;
    const call = caller === undefined ? undefined : this.#callOf(frame, caller);
    if (call !== undefined) await this.store.forget(call);
  }

  /** The denial of a storage that failed. Throws whatever is not the storage's doing. */
  failed(error: unknown): Halt {
    if (error instanceof TooManyQuestionsError) return TOO_MANY;
    if (!(error instanceof TransportStorageError)) throw error;
    this.#options.alarm({ alarm: 'elicitation_storage_failure', failure: error.failure });
    return UNAVAILABLE;
  }

  async #carried(frame: Frame, caller: string): Promise<readonly Question[] | Halt> {
    const id = elicitationId(frame);
    // What `pre` of this very operation used up is no replay in `post`.
    const own = new Set(frame.earlier?.elicitation?.honoured.map((question) => question.id));
    try {
      const named = await this.#named(id, frame, caller);
      if (named === undefined) return id === undefined ? [] : UNKNOWN;
      const refused = this.#refusal(named, frame, caller) ?? ((await this.#isUsed(named, own)) ? USED : undefined);
      // Who did not name the question asks anew.
      if (refused !== undefined) return id === undefined ? [] : refused;
      const earlier = await Promise.all(named.earlier.map(async (other) => this.store.find(other)));
      const carried = own.has(named.id) ? [] : [named];
      for (const question of earlier) {
        if (question === undefined || this.#refusal(question, frame, caller) !== undefined) continue;
        if (!own.has(question.id) && !(await this.store.isUsed(question.id))) carried.push(question);
      }
      return carried;
    } catch (error) {
      return this.failed(error);
    }
  }

  async #named(id: string | undefined, frame: Frame, caller: string): Promise<Question | undefined> {
    if (id !== undefined) return isQuestionId(id) ? this.store.find(id) : undefined;
    const call = this.#callOf(frame, caller);
    return call === undefined ? undefined : this.store.recalled(call);
  }

  /** Digest of the call, by which its session knows the question; undefined when it does not. */
  #callOf(frame: Frame, caller: string): string | undefined {
    const { entity, elicitation } = frame.operation;
    if (elicitation?.session === undefined) return undefined;
    const { type, scope, name } = entity;
    const route = frame.routeKey ?? null;
    return digestOf([elicitation.session, caller, this.digest, type, scope ?? '', name, route, frame.args ?? null]);
  }

  async #isUsed(question: Question, own: ReadonlySet<string>): Promise<boolean> {
    return !own.has(question.id) && (await this.store.isUsed(question.id));
  }

  #refusal(question: Question, frame: Frame, caller: string): Halt | undefined {
    const { type, scope, name } = frame.operation.entity;
    if (question.caller !== caller) return OTHER_CALLER;
    if (question.bundle !== this.digest) return BUNDLE_CHANGED;
    if (question.route !== (frame.routeKey ?? null)) return OTHER_QUESTION;
    if (question.entity.some((part, i) => part !== [type, scope ?? '', name][i])) return OTHER_QUESTION;
    return question.expiresAt <= this.now ? EXPIRED : undefined;
  }
}

const UNKNOWN = deny('elicitation.unknown', 'there is no such question');
const OTHER_CALLER = deny('elicitation.other_caller', 'the question belongs to another caller');
const BUNDLE_CHANGED = deny('elicitation.bundle_changed', 'the policy changed after the question was asked');
export const OTHER_QUESTION = deny('elicitation.other_question', 'the question was about something else');
export const EXPIRED = deny('elicitation.expired', 'nobody answered in time, or the answer came to be used too late');
const USED = deny('elicitation.used', 'the answer was used already');
const TOO_MANY = deny('elicitation.too_many', 'too many questions of this caller are open');
const UNAVAILABLE = deny('elicitation.unavailable', 'questions cannot be kept or looked up');

export function approvedOnPeek({ id, approver }: Question): Halt {
  return {
    kind: 'pending',
    code: 'elicitation.approved',
    reason: 'approved: send the request again without peeking',
    details: { elicitation_id: id, approver },
  };
}
