import { pino } from 'pino';
import type { DestinationStream, Level } from 'pino';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Decision } from '../../engine/decision.ts';
import type { EntityType } from '../../engine/operation.ts';
import type { Alarm } from '../../session/label-store.ts';
import { Tally } from './tally.ts';

/** One line of the request log. Never holds headers, arguments, results or credentials. */
export interface RequestRecord {
  readonly requestId: string;
  /** Of the request's own span when spans are recorded, else as the client sent it. */
  readonly traceparent: string | undefined;
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly status: number;
  /** JSON-RPC method, or `batch`; undefined for plain HTTP and for bodies that could not be read. */
  readonly rpcMethod: string | undefined;
  readonly entity: string | undefined;
  readonly outcome: string | undefined;
  readonly route: string | undefined;
  /** Code of the denial, or of the gateway's own error. */
  readonly code: string | undefined;
  /** Code of the JSON-RPC error that the request was answered with by the gateway itself. */
  readonly rpcCode: number | undefined;
  /** Name of the upstream that the request went to. */
  readonly upstream: string | undefined;
  readonly durationMs: number;
}

/** What operators see of a gateway: a log and metrics of its own registry. */
export interface Telemetry {
  readonly registry: Registry;
  /** Logs and counts an alarm; give it to the bundle's loader too. Never throws. */
  readonly alarm: (alarm: Alarm) => void;
  request(record: RequestRecord): void;
  decision(type: EntityType, decision: Decision): void;
  upstreamRequest(upstream: string): void;
  upstreamError(upstream: string, failure: string): void;
  inFlight(change: 1 | -1): void;
  openStreams(change: 1 | -1): void;
  /** An operator's line without request. */
  info(message: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
  /** A defect of the gateway. Only name, message and code of the error are written. */
  error(message: string, error: unknown): void;
  flush(): void;
}

export interface TelemetryOptions {
  readonly level?: Level | 'silent';
  /** Default: `logDestination(2)`, standard error. */
  readonly destination?: DestinationStream;
}

/** Alarm names become label values; anything that does not look like one counts as `other`. */
const ALARM_NAME = /^[a-z][a-z0-9_.]{0,63}$/;
const MAX_ALARM_NAMES = 100;
/** JSON-RPC methods with a series of their own. */
const TIMED_METHODS = new Set(['tools/call', 'prompts/get', 'resources/read', 'tools/list', 'initialize', 'batch']);

/** Lines of requests are written together: so many bytes at once, or what there is after so long. */
const BLOCK_BYTES = 12_288;
const LATEST_FLUSH_MS = 100;

/** A file, by path or descriptor, that takes the log in blocks; what is left at the end of the process is written then. */
export function logDestination(dest: number | string): DestinationStream {
  return pino.destination({ dest, sync: false, minLength: BLOCK_BYTES });
}

export function createTelemetry(options: TelemetryOptions = {}): Telemetry {
  const destination = options.destination ?? logDestination(2);
  const log = pino({ level: options.level ?? 'info', base: null, messageKey: 'message' }, destination);
  const registry = new Registry();
  const registers = [registry];
  const alarmNames = new Set<string>();
  let flushing: NodeJS.Timeout | undefined;
  const flush = (): void => {
    flushing = undefined;
    log.flush();
  };

  const decisions = new Tally(registry, {
    name: 'indelible_decisions_total',
    help: 'Decisions by entity type, phase and outcome.',
    labelNames: ['type', 'phase', 'outcome'],
  });
  const alarms = new Counter({
    name: 'indelible_alarms_total',
    help: 'Alarms by name.',
    labelNames: ['alarm'],
    registers,
  });
  const upstreamErrors = new Counter({
    name: 'indelible_upstream_errors_total',
    help: 'Failed exchanges with upstreams by kind.',
    labelNames: ['upstream', 'failure'],
    registers,
  });
  const upstreamRequests = new Tally(registry, {
    name: 'indelible_upstream_requests_total',
    help: 'Requests given to upstreams, failed ones included.',
    labelNames: ['upstream'],
  });
  const requests = new Tally(registry, {
    name: 'indelible_http_requests_total',
    help: 'Answered HTTP requests by status.',
    labelNames: ['status'],
  });
  let requestsInFlight = 0;
  const inFlight = new Gauge({
    name: 'indelible_requests_in_flight',
    help: 'Requests being served.',
    registers: [],
    collect() {
      this.set(requestsInFlight);
    },
  });
  registry.registerMetric(inFlight);
  const streams = new Gauge({ name: 'indelible_open_streams', help: 'Open GET event streams.', registers });
  const durations = new Histogram({
    name: 'indelible_request_duration_seconds',
    help: 'Time from the request line to the end of the answer.',
    labelNames: ['method'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });

  return {
    registry,
    alarm(alarm) {
      let name = ALARM_NAME.test(alarm.alarm) ? alarm.alarm : 'other';
      if (!alarmNames.has(name) && alarmNames.size >= MAX_ALARM_NAMES) name = 'other';
      alarmNames.add(name);
      alarms.inc({ alarm: name });
      log.warn({ alarm: alarm.alarm, details: { ...alarm } }, 'alarm');
      log.flush();
    },
    request(record) {
      const status = String(record.status);
      requests.add(status, { status });
      const { rpcMethod } = record;
      const method = rpcMethod === undefined ? 'http' : TIMED_METHODS.has(rpcMethod) ? rpcMethod : 'other';
      durations.observe({ method }, record.durationMs / 1000);
      log.info({ request: record }, 'request');
      flushing ??= setTimeout(flush, LATEST_FLUSH_MS).unref();
    },
    decision(type, decision) {
      const { phase } = decision;
      const outcome = decision.decision === 'allow' ? allowed(decision) : decision.decision;
      decisions.add(`${type} ${phase} ${outcome}`, { type, phase, outcome });
    },
    upstreamRequest: (upstream) => upstreamRequests.add(upstream, { upstream }),
    upstreamError: (upstream, failure) => upstreamErrors.inc({ upstream, failure }),
    inFlight: (change) => void (requestsInFlight += change),
    openStreams: (change) => streams.inc(change),
    info(message, fields) {
      log.info({ details: fields ?? {} }, message);
      log.flush();
    },
    error(message, error) {
      log.error({ error: describe(error) }, message);
      log.flush();
    },
    flush: () => log.flush(),
  };
}

function allowed(decision: Decision): string {
  return decision.modified.args || decision.modified.result ? 'modified' : 'allow';
}

/** Not the error itself: clients of stores hang commands on theirs, arguments and passwords included. */
function describe(error: unknown): { name: string; message: string; code?: string } {
  if (!(error instanceof Error)) return { name: typeof error, message: 'not an error' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const described = { name: error.name, message: error.message };
  return code === undefined ? described : { ...described, code };
}
