export { serveApprovals } from './approvals-socket.ts';
export type { ApprovalsOptions } from './approvals-socket.ts';
export { createGateway } from './gateway.ts';
export type { Gateway, GatewayAddress } from './gateway.ts';
export { DEFAULT_LIMITS } from './gateway-options.ts';
export type { GatewayLimits, GatewayOptions, ListenAddress, UpstreamOptions } from './gateway-options.ts';
export { storeMetrics } from './store-metrics.ts';
export { createTelemetry } from './telemetry.ts';
export type { RequestRecord, Telemetry, TelemetryOptions } from './telemetry.ts';
