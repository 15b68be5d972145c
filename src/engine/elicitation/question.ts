import { ELICITATION_VERBS } from '../../language/vocabulary.ts';
import type { ElicitationVerb } from '../../language/ast.ts';
import type { JsonValue, Phase } from '../operation.ts';
import { isJson, isObject } from '../values.ts';

/**
 * A question that was put to a human, as the storage keeps it. Everything an answer is bound to stands here; times are
 * Unix milliseconds. Source: plugin specification, "Built-in kinds", elicitation ids.
 */
export interface Question {
  /** Unguessable: 32 random bytes, hex. */
  readonly id: string;
  readonly verb: ElicitationVerb;
  /** Name and kind of the plugin that asks. */
  readonly plugin: string;
  readonly kind: string;
  /** The `channel` of the step. */
  readonly channel: string | null;
  /** Digest of who called: subject, client and workload. */
  readonly caller: string;
  /** Who called, for people to read. */
  readonly requester: string;
  /** Type, scope and name of what was called. */
  readonly entity: readonly [type: string, scope: string, name: string];
  readonly route: string | null;
  readonly phase: Phase;
  /** Place of the rule in the bundle. */
  readonly place: string;
  /** Tells apart the steps of one rule. */
  readonly step: number;
  /** Who is asked. */
  readonly approver: string;
  /** Digest of the arguments, and in `post` of the result. */
  readonly arguments: string;
  /** Digest of the bundle. */
  readonly bundle: string;
  readonly purpose: string | null;
  /** The arguments as the one who is asked may see them. */
  readonly shown: JsonValue;
  readonly askedAt: number;
  readonly expiresAt: number;
  /** What the channel keeps for itself. Null until it has asked. */
  readonly state: JsonValue;
  /** Whether operators see the question in their list and may answer it. */
  readonly listed: boolean;
  /** URL of the page where whoever is asked can answer. */
  readonly page: string | null;
  /** Session whose client was sent to the page; null when none was. */
  readonly session: string | null;
  /** Whether a form of the caller's own client answers. */
  readonly form: boolean;
  /** Questions of the same operation that the caller named when this one was asked. */
  readonly earlier: readonly string[];
  /** Ids of the sessions that count the question as open. */
  readonly slots: readonly string[];
}

/** How a person proved to be who they are. */
export interface Authentication {
  /** When they signed in, Unix seconds; undefined when nobody says. */
  readonly at?: number;
  /** Authentication context class (OpenID Connect Core, 2). */
  readonly acr?: string;
  readonly subject?: { readonly issuer: string; readonly id: string };
}

/** What the human said. The first answer counts. */
export interface Answer {
  readonly outcome: 'approved' | 'denied';
  readonly approver: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** Information asked for, statement attested, or reason of a refusal. */
  readonly text?: string;
  readonly authentication?: Authentication;
}

/** An answer as it comes in. */
export type GivenAnswer = Omit<Answer, 'at'>;

const ID = /^[0-9a-f]{64}$/;

export function isQuestionId(text: string): boolean {
  return ID.test(text);
}

/** Reads what a storage gave back; undefined when it is no question. */
export function readQuestion(data: unknown): Question | undefined {
  if (!isObject(data) || !isJson(data)) return undefined;
  const texts = [
    'id',
    'verb',
    'plugin',
    'kind',
    'caller',
    'requester',
    'phase',
    'place',
    'approver',
    'arguments',
    'bundle',
  ];
  const sound =
    texts.every((name) => typeof data[name] === 'string') &&
    ['step', 'askedAt', 'expiresAt'].every((name) => typeof data[name] === 'number') &&
    ['channel', 'route', 'purpose', 'page', 'session'].every(
      (name) => data[name] === null || typeof data[name] === 'string',
    ) &&
    ['entity', 'earlier', 'slots'].every((name) => isTexts(data[name])) &&
    ['listed', 'form'].every((name) => typeof data[name] === 'boolean') &&
    data['shown'] !== undefined &&
    data['state'] !== undefined &&
    ELICITATION_VERBS.some((verb) => verb === data['verb']);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every member was looked at
  return sound ? (data as unknown as Question) : undefined;
}

/** Reads what a storage gave back; undefined when it is no answer. */
export function readAnswer(data: unknown): Answer | undefined {
  if (!isObject(data)) return undefined;
  const { outcome, approver, at, text, authentication } = data;
  const sound =
    (outcome === 'approved' || outcome === 'denied') &&
    typeof approver === 'string' &&
    typeof at === 'number' &&
    (text === undefined || typeof text === 'string') &&
    (authentication === undefined || isAuthentication(authentication));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every member was looked at
  return sound ? (data as unknown as Answer) : undefined;
}

export function isAuthentication(value: unknown): value is Authentication {
  if (!isObject(value)) return false;
  const { at, acr, subject } = value;
  if (at !== undefined && (typeof at !== 'number' || !Number.isFinite(at))) return false;
  if (acr !== undefined && typeof acr !== 'string') return false;
  return (
    subject === undefined ||
    (isObject(subject) && typeof subject['issuer'] === 'string' && typeof subject['id'] === 'string')
  );
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((member) => typeof member === 'string');
}
