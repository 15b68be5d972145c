import { Writable } from 'node:stream';
import { createGateway, createTelemetry } from '../../src/gateway/index.ts';
import type { Gateway, GatewayOptions, Telemetry, UpstreamOptions } from '../../src/gateway/index.ts';
import { scriptedEngine } from './scripted-engine.ts';
import type { EngineScript, ScriptedEngine } from './scripted-engine.ts';

export interface RunningGateway {
  readonly url: string;
  readonly adminUrl: string;
  readonly engine: ScriptedEngine;
  readonly gateway: Gateway;
  readonly telemetry: Telemetry;
  /** Lines of the log so far. */
  readonly log: string[];
}

/** A gateway before `upstream`, or several, on a free port, with an engine that decides as scripted. */
export async function startGateway(
  upstream: string | readonly UpstreamOptions[],
  script: EngineScript = {},
  options: Partial<GatewayOptions> = {},
): Promise<RunningGateway> {
  const engine = scriptedEngine(script);
  const log: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _, done) {
      log.push(chunk.toString('utf8'));
      done();
    },
  });
  const telemetry = createTelemetry({ destination });
  const gateway = createGateway({
    engine,
    ...(typeof upstream === 'string' ? { upstream } : { upstreams: upstream }),
    listen: { host: '127.0.0.1', port: 0 },
    admin: { host: '127.0.0.1', port: 0 },
    telemetry,
    ...options,
  });
  const { url, adminUrl = '' } = await gateway.listen();
  return { url, adminUrl, engine, gateway, telemetry, log };
}
