import type { Decision } from '../../engine/decision.ts';
import type { FormReply, JsonObject, JsonValue } from '../../engine/operation.ts';
import { isJsonObject, jsonText, ownValue } from '../json/json-value.ts';
import type { Asking } from './asking.ts';
import { pendingData } from './denial.ts';
import { writeState } from './request-state.ts';
import type { OwnState, UpstreamRound } from './request-state.ts';
import { RPC_CODES, errorResponse } from './rpc-error.ts';
import type { IdText } from './rpc-error.ts';

/** A request whose client is asked in its protocol's own way, and what it brought back of an earlier question. */
export interface QuestionRound {
  /** Undefined when the client declares no elicitation any more. */
  readonly asking: Asking | undefined;
  readonly own: OwnState | undefined;
  readonly consent: Consent | undefined;
  readonly upstream: UpstreamRound;
  /** Begins the states of this gateway. */
  readonly tag: string;
}

/** What a client's user did with what they were shown, short of answering. */
export type Consent = 'opened' | 'dismissed';

/** Keys of `inputRequests`: a form of the client's, or a page that it opens. */
const FORM = 'confirm';
const PAGE = 'page';
/** Tells clients what they wait for. */
const META_KEY = 'indelible/elicitation';
const MAX_COMMENT = 1000;

const FORM_SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    approve: { type: 'boolean', title: 'Approve', description: 'Whether this may go on' },
    comment: { type: 'string', title: 'Comment', maxLength: MAX_COMMENT },
  },
  required: ['approve'],
};

/**
 * The response of a suspended operation in the protocol's own shape. Undefined when there is none for it, so that the
 * gateway's own error has to do. Sources: MCP 2026-07-28, multi round-trip requests and elicitation; MCP 2025-11-25, URL
 * elicitation required error.
 */
export function pendingResponse(round: QuestionRound, decision: Decision, idText: IdText): string | undefined {
  const details = decision.violation?.details ?? {};
  const { elicitation_id: id, url, message, form } = details;
  if (decision.decision !== 'pending' || decision.violation?.code !== 'elicitation.pending') return undefined;
  if (round.asking === undefined || typeof id !== 'string') return undefined;
  const text = typeof message === 'string' ? message : 'a human has been asked';
  if (round.asking.kind === 'url_required') {
    if (typeof url !== 'string') return undefined;
    const elicitations = [{ mode: 'url', elicitationId: id, url, message: text }];
    return errorResponse(idText, {
      code: RPC_CODES.urlRequired,
      message: 'a page has to be opened',
      data: { elicitations },
    });
  }
  const consent = round.own?.id === id ? (round.consent ?? (round.own.opened ? 'opened' : undefined)) : undefined;
  if (consent === 'dismissed') return undefined;
  const requests: Record<string, JsonValue> = {};
  if (form === true && round.asking.form) {
    requests[FORM] = elicitation({ mode: 'form', message: text, requestedSchema: FORM_SCHEMA });
  } else if (typeof url === 'string' && round.asking.url && consent !== 'opened') {
    requests[PAGE] = elicitation({ mode: 'url', message: text, url });
  }
  const upstream = round.own?.upstream ?? round.upstream;
  const result: JsonObject = {
    resultType: 'input_required',
    ...(Object.keys(requests).length === 0 ? {} : { inputRequests: requests }),
    requestState: writeState(round.tag, { id, opened: consent === 'opened', upstream }),
    _meta: { [META_KEY]: pendingData(details) },
  };
  return `{"jsonrpc":"2.0","id":${idText},"result":${jsonText(result)}}`;
}

/** Tells the client that it may come back to the page it opened. Source: MCP 2025-11-25, completion notifications. */
export function elicitationComplete(elicitationId: string): string {
  return jsonText({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params: { elicitationId } });
}

/** What the form of the gateway brought back; undefined when it says neither yes nor no. */
export function replyIn(inputResponses: JsonValue | undefined): FormReply | undefined {
  const response = responseIn(inputResponses, FORM);
  const action = ownValue(response, 'action');
  if (action === 'decline') return { outcome: 'denied' };
  const content = ownValue(response, 'content');
  if (action !== 'accept' || !isJsonObject(content)) return undefined;
  const approve = ownValue(content, 'approve');
  const comment = ownValue(content, 'comment') ?? '';
  if (typeof approve !== 'boolean' || typeof comment !== 'string' || comment.length > MAX_COMMENT) return undefined;
  return { outcome: approve ? 'approved' : 'denied', ...(comment === '' ? {} : { text: comment }) };
}

export function consentIn(inputResponses: JsonValue | undefined): Consent | undefined {
  const page = ownValue(responseIn(inputResponses, PAGE), 'action');
  if (page === 'accept') return 'opened';
  if (page === 'decline' || page === 'cancel') return 'dismissed';
  return ownValue(responseIn(inputResponses, FORM), 'action') === 'cancel' ? 'dismissed' : undefined;
}

function responseIn(inputResponses: JsonValue | undefined, key: string): JsonObject | undefined {
  const response = isJsonObject(inputResponses) ? ownValue(inputResponses, key) : undefined;
  return isJsonObject(response) ? response : undefined;
}

function elicitation(params: JsonObject): JsonObject {
  return { method: 'elicitation/create', params };
}
