import type { ArgumentMap, ElicitationVerb } from '../../language/ast.ts';
import type { Answer, Authentication, Question } from './question.ts';
import type { Requester } from './requester.ts';

/** What tells the six verbs apart. */
interface Verb {
  /** `requester`: the one who called. `other`: anybody but them. */
  readonly asks: 'requester' | 'other' | 'anybody';
  /** What an approval must carry besides the name of who gave it. */
  readonly needs: 'nothing' | 'text' | 'evidence' | 'fresh sign-in';
  /** Whether whoever is asked sees every argument. */
  readonly showsAll: boolean;
}

export const VERBS: Readonly<Record<ElicitationVerb, Verb>> = {
  require_approval: { asks: 'other', needs: 'nothing', showsAll: false },
  require_review: { asks: 'other', needs: 'nothing', showsAll: true },
  confirm: { asks: 'requester', needs: 'nothing', showsAll: false },
  require_step_up: { asks: 'requester', needs: 'fresh sign-in', showsAll: false },
  require_attestation: { asks: 'anybody', needs: 'evidence', showsAll: false },
  request_info: { asks: 'anybody', needs: 'text', showsAll: false },
};

/** Why this person cannot be asked; undefined when they can. */
export function refusalToAsk(
  verb: ElicitationVerb,
  approver: string,
  requester: Requester,
  options: ArgumentMap,
): { readonly code: string; readonly reason: string } | undefined {
  switch (VERBS[verb].asks) {
    case 'requester':
      return requester.names.includes(approver)
        ? undefined
        : { code: 'elicitation.not_requester', reason: 'only who calls can answer this question' };
    case 'other':
      return isSelf(approver, requester) && options['allow_self'] !== true
        ? { code: 'elicitation.self_approval', reason: 'nobody approves what they ask for' }
        : undefined;
    case 'anybody':
      return undefined;
  }
}

/** Letter case does not make another person. */
function isSelf(approver: string, { names }: Requester): boolean {
  return names.some((name) => name.toLowerCase() === approver.toLowerCase());
}

/** Why this approval does not count; undefined when it does. */
export function refusalOfAnswer(
  question: Question,
  answer: Answer,
  requester: Requester,
  options: ArgumentMap,
): { readonly code: string; readonly reason: string } | undefined {
  const { asks, needs } = VERBS[question.verb];
  if (answer.approver !== question.approver) {
    return { code: 'elicitation.wrong_approver', reason: 'somebody else answered than was asked' };
  }
  const person = answer.authentication?.subject;
  if (person !== undefined && requester.subject !== undefined) {
    const self = person.issuer === requester.subject.issuer && person.id === requester.subject.id;
    if (asks === 'other' && self && options['allow_self'] !== true) {
      return { code: 'elicitation.self_approval', reason: 'nobody approves what they ask for' };
    }
    if (asks === 'requester' && person.issuer === requester.subject.issuer && !self) {
      return { code: 'elicitation.wrong_approver', reason: 'somebody else answered than was asked' };
    }
  }
  if (lacksWords(question.verb, answer)) {
    return { code: 'elicitation.incomplete_answer', reason: 'the answer does not say what was asked for' };
  }
  return needs !== 'fresh sign-in' || isFresh(answer.authentication, question.askedAt, options)
    ? undefined
    : { code: 'elicitation.not_fresh', reason: 'the answer proves no fresh sign-in' };
}

/** Whether an approval of this verb has to say something, and does not. A proven sign-in attests as words do. */
export function lacksWords(verb: ElicitationVerb, { text, authentication }: Partial<Answer>): boolean {
  const { needs } = VERBS[verb];
  if (text) return false;
  return needs === 'text' || (needs === 'evidence' && authentication === undefined);
}

/** Whether a sign-in happened at `since` (Unix milliseconds) or later, and was of a class that the step accepts. */
export function isFresh(authentication: Authentication | undefined, since: number, options: ArgumentMap): boolean {
  if (authentication?.at === undefined || authentication.at * 1000 < since) return false;
  const accepted = acceptedClasses(options);
  return accepted.length === 0 || (authentication.acr !== undefined && accepted.includes(authentication.acr));
}

/** The `acr` of a step: one authentication context class, or several. */
export function acceptedClasses(options: ArgumentMap): readonly string[] {
  const { acr } = options;
  if (typeof acr === 'string') return [acr];
  return Array.isArray(acr) ? acr.filter((value): value is string => typeof value === 'string') : [];
}
