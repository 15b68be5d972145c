import { isTruthyHeader } from '../../engine/attributes.ts';
import type { Operation } from '../../engine/operation.ts';
import type { Exchange } from '../http/exchange.ts';
import { ownValue } from '../json/json-value.ts';
import { URL_REQUIRED, askingOf, knowsUrlError } from '../protocol/asking.ts';
import type { ClientRequest } from '../protocol/client-message.ts';
import { consentIn, replyIn } from '../protocol/pending-response.ts';
import type { QuestionRound } from '../protocol/pending-response.ts';
import { readState, roundOf } from '../protocol/request-state.ts';
import { sessionName } from '../sessions/session-table.ts';
import type { GatewaySession } from '../sessions/session-table.ts';
import type { GatewayContext } from './gateway-context.ts';

/** A round of a request, and what policy has to know of it. */
export interface EnteredRound extends QuestionRound {
  readonly elicitation: NonNullable<Operation['elicitation']>;
}

const ID_HEADER = 'x-policy-elicitation-id';
const PEEK_HEADER = 'x-policy-elicitation-peek';

/**
 * How the client of a mediated request is asked in its protocol's own way, and what it came back with. Undefined for a
 * client that declares nothing of the kind, or that uses the gateway's headers; `malformed` when it brings a state of this
 * gateway that nobody was given. `text` is that of the request.
 */
export function enterRound(
  gateway: Pick<GatewayContext, 'stateTag'>,
  { request: { headers } }: Exchange,
  { params }: ClientRequest,
  text: string,
  session: GatewaySession | undefined,
): EnteredRound | 'malformed' | undefined {
  const state = ownValue(params, 'requestState');
  const own = typeof state === 'string' ? readState(gateway.stateTag, state) : undefined;
  if (own === 'malformed') return own;
  const usesHeaders = headers[ID_HEADER] !== undefined || headers[PEEK_HEADER] !== undefined;
  if (own === undefined && usesHeaders) return undefined;
  const asking = askingOf(params);
  const tag = gateway.stateTag;
  if (own === undefined && asking === undefined) {
    if (session?.opensPages !== true || !knowsUrlError(session.protocolVersion)) return undefined;
    const elicitation = { session: sessionName(session.id) };
    return { tag, asking: URL_REQUIRED, own, consent: undefined, upstream: {}, elicitation };
  }
  const form = asking?.kind === 'input_required' && asking.form;
  if (own === undefined) {
    const brings = state !== undefined || ownValue(params, 'inputResponses') !== undefined;
    const upstream = brings ? roundOf(text) : {};
    return { tag, asking, own, consent: undefined, upstream, elicitation: { form } };
  }
  const responses = ownValue(params, 'inputResponses');
  const reply = replyIn(responses);
  const peek = headers[PEEK_HEADER];
  const elicitation = {
    id: own.id,
    form,
    ...(peek === undefined ? {} : { peek: isTruthyHeader(peek) }),
    ...(reply === undefined ? {} : { reply }),
  };
  // Who peeks is told in the gateway's own way.
  return {
    tag,
    asking: elicitation.peek === true ? undefined : asking,
    own,
    consent: consentIn(responses),
    upstream: {},
    elicitation,
  };
}
