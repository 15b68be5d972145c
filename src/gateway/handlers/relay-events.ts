import { createEventReader, withData } from '../protocol/event-stream.ts';
import type { Awaitable } from '../../session/label-store.ts';
import type { StreamEvent } from '../protocol/event-stream.ts';
import { write } from '../http/exchange.ts';
import type { Exchange } from '../http/exchange.ts';
import type { GatewayContext } from './gateway-context.ts';
import { report } from './relay.ts';
import { joinScreened, screenText } from './screen.ts';
import type { FindRequest, ScreenedText } from './screen.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';

/** Decides every event of a stream before it is sent on, and before that calls `onScreened`. Ends with the stream; rejects with `ClientGoneError`. */
export async function relayEvents(
  gateway: GatewayContext,
  exchange: Exchange,
  response: UpstreamResponse,
  find: FindRequest,
  onScreened: (event: StreamEvent, screened: ScreenedText | undefined) => Awaitable<void>,
): Promise<void> {
  const { limits } = gateway;
  const reader = createEventReader(limits.maxEventBytes);
  for (;;) {
    const chunk = await response.body.next(limits.streamIdleMs);
    if (chunk === undefined) return;
    for (const event of reader.push(chunk)) {
      if (event.data === undefined || event.data === '') {
        await onScreened(event, undefined);
        await write(exchange.response, event.raw, limits.clientStallMs);
        continue;
      }
      const screened = await screenText(event.data, find, gateway);
      if (screened === undefined) gateway.telemetry.upstreamError(exchange.note.upstream ?? '', 'invalid');
      else await onScreened(event, screened);
      if (screened === undefined) continue;
      report(gateway, screened.messages);
      const text = screened.unchanged ? event.data : joinScreened(screened, []);
      if (text === undefined) continue;
      await write(exchange.response, screened.unchanged ? event.raw : withData(event, text), limits.clientStallMs);
    }
  }
}
