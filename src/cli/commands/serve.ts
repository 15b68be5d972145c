import { basename } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadBundle, type LoadResult } from '../../config/load-bundle.ts';
import type { LoadOptions } from '../../config/load-options.ts';
import { renderText } from '../../diagnostics/render.ts';
import { createEngine, type PolicyEngine } from '../../engine/policy-engine.ts';
import {
  createGateway,
  createTelemetry,
  serveApprovals,
  storeMetrics,
  traceStore,
  type Gateway,
  type GatewayOptions,
  type ListenAddress,
  type Telemetry,
  type UpstreamOptions,
} from '../../gateway/index.ts';
import { droppedText } from '../load-result.ts';
import { parseUpstream } from '../parse-upstream.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { watchBundle } from '../watch-bundle.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug'] as const;

interface Options {
  readonly upstream: readonly UpstreamOptions[];
  readonly costTiers?: readonly string[];
  readonly listen: ListenAddress;
  readonly admin?: ListenAddress;
  readonly approvalsSocket?: string;
  readonly allowHost: readonly string[];
  readonly allowOrigin: readonly string[];
  readonly scheme: 'http' | 'https';
  readonly resourceMetadata?: string;
  readonly forwardAuthorization?: true;
  readonly filterLists?: true;
  readonly watch?: true;
  readonly cache?: string;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly maxBody?: number;
  readonly maxInFlight?: number;
  readonly maxSessions?: number;
  readonly sessionScope?: string;
  readonly upstreamTimeout?: number;
  readonly drain?: number;
}

/** `serve`: the MCP gateway, until a signal ends it. */
export function serveCommand(terminal: Terminal): Command {
  return new Command('serve')
    .summary('enforce a bundle in front of an MCP server')
    .description('Serves MCP over Streamable HTTP in front of its upstreams and enforces BUNDLE on their calls.')
    .argument('<bundle>', 'file or folder')
    .addOption(
      new Option(
        '--upstream <url>',
        "the upstream's MCP endpoint, or name=NAME,url=URL,LABEL=VALUE,… (repeatable, the preferred one first)",
      )
        .argParser(collectUpstream)
        .makeOptionMandatory(),
    )
    .option('--cost-tiers <names>', 'cost tiers of upstreams, cheapest first, comma-separated', parseNames)
    .addOption(
      new Option('--listen <host:port>', 'where clients connect')
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: 8800 }, '127.0.0.1:8800'),
    )
    .option('--admin <host:port>', 'where /healthz, /readyz and /metrics are served', parseAddress)
    .option('--approvals-socket <path>', 'a Unix socket where operators answer questions (`indelible approvals`)')
    .addOption(repeatable('--allow-host <name>', 'a name that clients call the gateway by (repeatable)'))
    .addOption(repeatable('--allow-origin <origin>', 'an origin that browsers may call from (repeatable)'))
    .addOption(
      new Option('--scheme <scheme>', 'what clients use, when TLS ends before the gateway')
        .choices(['http', 'https'])
        .default('http'),
    )
    .option('--resource-metadata <url>', 'protected resource metadata (RFC 9728), named in challenges', parseUrl)
    .option('--forward-authorization', "let the client's credentials through to the upstream")
    .option('--filter-lists', 'leave out of lists what policy is sure to deny to the caller')
    .option('--watch', 'reload the bundle when it changes')
    .option('--cache <folder>', 'where reading the bundle leaves what the next start need not read again')
    .addOption(
      new Option('--log-level <level>', 'least important lines that are logged').choices(LOG_LEVELS).default('info'),
    )
    .option('--max-body <bytes>', 'largest request body', parseCount)
    .option('--max-in-flight <count>', 'requests served at the same time', parseCount)
    .option('--max-sessions <count>', 'MCP sessions kept at the same time in this process', parseCount)
    .option(
      '--session-scope <name>',
      "what shares its sessions: the same for all replicas; default the bundle's file name",
    )
    .option('--upstream-timeout <seconds>', "longest wait for the upstream's response headers", parseCount)
    .option('--drain <seconds>', 'longest wait for requests in flight at the end', parseCount)
    .addHelpText(
      'after',
      '\nSIGHUP reloads the bundle; one that is rejected leaves the running one in force. SIGTERM and SIGINT end the' +
        '\ngateway once the requests in flight have ended.' +
        '\n\nExit status: 0 ended by a signal, 1 the bundle or its store cannot be used, 2 usage.',
    )
    .action((path: string, options: Options) => serve(path, options, terminal));
}

async function serve(path: string, options: Options, terminal: Terminal): Promise<void> {
  const telemetry = createTelemetry({ level: options.logLevel });
  const { alarm } = telemetry;
  const storeObserver = traceStore(storeMetrics(telemetry.registry));
  const { cache } = options;
  const load: LoadOptions = {
    alarm,
    environment: terminal.environment,
    storeObserver,
    ...(cache === undefined ? {} : { cache }),
  };
  const loaded = await loadBundle(path, load);
  await terminal.stderr.write(findingsText(loaded, terminal));
  if (!loaded.ok) {
    terminal.exitCode = 1;
    return;
  }
  const engine = await createEngine(loaded.bundle, { alarm });
  try {
    const health = await engine.health();
    if (!health.healthy) {
      await terminal.complain(`a store of the bundle cannot be used: ${health.detail}`);
      terminal.exitCode = 1;
      return;
    }
    await serveWith(engine, { path, options, load, telemetry, terminal });
  } finally {
    await engine.close();
    telemetry.flush();
  }
}

interface Service {
  readonly path: string;
  readonly options: Options;
  readonly load: LoadOptions;
  readonly telemetry: Telemetry;
  readonly terminal: Terminal;
}

async function serveWith(engine: PolicyEngine, service: Service): Promise<void> {
  const { options, telemetry, terminal } = service;
  const gateway = usableGateway({
    engine,
    telemetry,
    upstreams: options.upstream,
    listen: options.listen,
    allowHosts: options.allowHost,
    allowOrigins: options.allowOrigin,
    scheme: options.scheme,
    sessionScope: options.sessionScope ?? basename(service.path),
    limits: limitsOf(options),
    ...(options.costTiers === undefined ? {} : { costTiers: options.costTiers }),
    ...(options.admin === undefined ? {} : { admin: options.admin }),
    ...(options.resourceMetadata === undefined ? {} : { resourceMetadata: options.resourceMetadata }),
    ...(options.filterLists === undefined ? {} : { filterLists: true }),
    ...(options.forwardAuthorization === undefined ? {} : { forwardAuthorization: true }),
  });
  const ended = signalled(['SIGTERM', 'SIGINT']);
  const ending = new AbortController();
  const reload = reloader(engine, service, ending.signal);
  process.on('SIGHUP', reload);
  const unwatched = (error: unknown): void => telemetry.error('the bundle could not be watched', error);
  const watching = options.watch === true ? await watchBundle(service.path, reload, unwatched) : undefined;
  const path = options.approvalsSocket;
  const approvals =
    path === undefined ? undefined : await serveApprovals({ path, questions: () => engine.questions, telemetry });
  try {
    const { url, adminUrl } = await gateway.listen();
    const admin = adminUrl === undefined ? '' : `, admin at ${adminUrl}`;
    await terminal.stdout.write(`serving ${url} in front of ${namesOf(options.upstream)}${admin}\n`);
    telemetry.info('serving', { url, bundle: engine.digest });
    const signal = await ended.signal;
    telemetry.info('draining', { signal });
  } finally {
    watching?.close();
    ended.forget();
    process.off('SIGHUP', reload);
    ending.abort();
    await approvals?.close();
    await gateway.close();
  }
}

/** What the gateway refuses of its options is wrong usage. */
function usableGateway(options: GatewayOptions): Gateway {
  try {
    return createGateway(options);
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error;
  }
}

function namesOf(upstreams: readonly UpstreamOptions[]): string {
  return upstreams
    .map(({ name, url }) => (name === new URL(url).host ? name : `${name} (${new URL(url).host})`))
    .join(', ');
}

/** Reloads one at a time, beside the requests; a call during a reload leads to one more after it. None after `ending`. */
function reloader(engine: PolicyEngine, { path, load, telemetry }: Service, ending: AbortSignal): () => void {
  let running = false;
  let again = false;
  const run = async (): Promise<void> => {
    try {
      const loaded = await loadBundle(path, { ...load, worker: true, signal: ending });
      if (loaded.ok) {
        await engine.reload(loaded.bundle);
        telemetry.info('bundle reloaded', { bundle: engine.digest });
      } else {
        telemetry.alarm({ alarm: 'bundle_rejected', errors: loaded.diagnostics.length, first: firstError(loaded) });
      }
    } catch (error) {
      if (ending.aborted) return;
      telemetry.error('the bundle could not be reloaded', error);
      telemetry.alarm({ alarm: 'bundle_rejected', errors: 1 });
    }
    running = false;
    if (again) reload();
  };
  const reload = (): void => {
    again = running;
    if (running) return;
    running = true;
    void run();
  };
  return reload;
}

function firstError(loaded: LoadResult): string {
  const error = loaded.diagnostics.find(({ severity }) => severity === 'error');
  return error === undefined ? '' : `${error.code}: ${error.message}`;
}

function findingsText(loaded: LoadResult, terminal: Terminal): string {
  return renderText(loaded.diagnostics, { color: terminal.colors(terminal.stderr) }) + droppedText(loaded.dropped);
}

/** Resolves with the first of `signals`; until `forget`, none of them ends the process. */
function signalled(signals: readonly NodeJS.Signals[]): { readonly signal: Promise<NodeJS.Signals>; forget(): void } {
  let note: (signal: NodeJS.Signals) => void = () => undefined;
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    note = resolve;
  });
  for (const name of signals) process.on(name, note);
  return {
    signal,
    forget() {
      for (const name of signals) process.off(name, note);
    },
  };
}

function limitsOf(options: Options): Parameters<typeof createGateway>[0]['limits'] & object {
  return {
    ...(options.maxBody === undefined ? {} : { maxBodyBytes: options.maxBody }),
    ...(options.maxInFlight === undefined ? {} : { maxInFlight: options.maxInFlight }),
    ...(options.maxSessions === undefined ? {} : { maxSessions: options.maxSessions }),
    ...(options.upstreamTimeout === undefined ? {} : { upstreamHeadersMs: options.upstreamTimeout * 1000 }),
    ...(options.drain === undefined ? {} : { drainMs: options.drain * 1000 }),
  };
}

function parseUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new InvalidArgumentError('It has to be an http:// or https:// URL.');
  }
  return text;
}

/** `host:port`, `[::1]:port` or a port alone, which is on 127.0.0.1. */
function parseAddress(text: string): ListenAddress {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError('It has to be HOST:PORT.');
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('It has to be a positive whole number.');
  return count;
}

function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).argParser(collect).default([], 'none');
}

function collectUpstream(value: string, earlier: readonly UpstreamOptions[] = []): readonly UpstreamOptions[] {
  return [...earlier, parseUpstream(value)];
}

function parseNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('It has to be a comma-separated list of names.');
  return names;
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}
