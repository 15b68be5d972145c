export { createGateway } from './gateway.ts';
export type { Gateway, GatewayAddress } from './gateway.ts';
export { DEFAULT_LIMITS } from './gateway-options.ts';
export type { GatewayLimits, GatewayOptions, ListenAddress, UpstreamOptions } from './gateway-options.ts';
export { createLocalSessionTable } from './session-table.ts';
export type { GatewaySession, SessionTable } from './session-table.ts';
export { storeMetrics } from './store-metrics.ts';
export { createTelemetry } from './telemetry.ts';
export type { RequestRecord, Telemetry, TelemetryOptions } from './telemetry.ts';
