import { visibleText } from '../../diagnostics/visible-text.ts';
import { stringifyJson } from '../../text/json.ts';
import { listedQuestion } from './listed-question.ts';
import type { Question } from './question.ts';
import { VERBS } from './verbs.ts';

/**
 * What the caller's client may tell its user about a question. Purpose and arguments are for whoever is asked: a caller
 * who asks somebody else learns no more than that they wait.
 */
export function questionMessage(question: Question): string {
  const { operation, arguments: shown, purpose, approver } = listedQuestion(question);
  if (VERBS[question.verb].asks !== 'requester') {
    return visibleText(`${operation} has to wait until ${approver} has answered`);
  }
  const call = visibleText(`${operation} ${stringifyJson(shown) ?? ''}`);
  return purpose === undefined ? `Do you want this? ${call}` : `${purpose}\n${call}`;
}
