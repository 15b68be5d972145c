import type { Alarm } from '../../session/label-store.ts';
import { TransportStorageError } from '../../transport/transport-storage.ts';
import type { GatewayContext } from './gateway-context.ts';
import { RPC_CODES, gatewayError } from '../protocol/rpc-error.ts';
import type { ExchangeFailure } from './upstream-answer.ts';

const UNAVAILABLE: ExchangeFailure = {
  status: 503,
  error: gatewayError(RPC_CODES.overloaded, 'session_storage', 'the sessions cannot be read or written now'),
};
const FULL: ExchangeFailure = {
  status: 503,
  error: gatewayError(RPC_CODES.overloaded, 'too_many_sessions', 'there is no room for a session now'),
};

/** Raises the alarm of a storage of sessions that failed and says how to answer; undefined for any other error. */
export function storageFailure(gateway: GatewayContext, error: unknown): ExchangeFailure | undefined {
  if (!(error instanceof TransportStorageError)) return undefined;
  gateway.telemetry.alarm(storageAlarm(error));
  return error.failure === 'full' ? FULL : UNAVAILABLE;
}

export function storageAlarm(error: unknown): Alarm {
  const told = error instanceof TransportStorageError;
  return {
    alarm: 'transport_storage_failure',
    failure: told ? error.failure : 'unavailable',
    detail: told ? error.message : 'the storage failed',
  };
}
