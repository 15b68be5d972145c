import { createGateway, createTelemetry, serveApprovals } from '../../src/gateway/index.ts';
import { createEngine, loadBundle, renderText, type BundleSource, type LoadOptions } from '../../src/index.ts';
import { namingPort } from './loopback-server.ts';

export interface PolicyGateway {
  /** The MCP endpoint. */
  readonly url: string;
  /** Lets what is in flight end first. */
  close(): Promise<void>;
}

export interface PolicyGatewayOptions {
  /** Path of the policy bundle, or its text. */
  readonly policy: BundleSource;
  readonly load?: LoadOptions;
  /** The MCP endpoint behind the gateway. */
  readonly upstream: string;
  /** On 127.0.0.1; 0 for any free one. */
  readonly port: number;
  /** Path of the Unix socket where questions are answered; nowhere when missing. */
  readonly approvals?: string;
}

/**
 * Starts a gateway that enforces a policy bundle. Warnings and alarms go to standard error. Rejects, with every
 * diagnostic, when the bundle is wrong.
 */
export async function startPolicyGateway({
  policy,
  load,
  upstream,
  port,
  approvals: path,
}: PolicyGatewayOptions): Promise<PolicyGateway> {
  const telemetry = createTelemetry({ level: 'warn' });
  const { alarm } = telemetry;
  const loaded = await loadBundle(policy, { alarm, ...load });
  if (!loaded.ok) throw new Error(`the policy was rejected\n${renderText(loaded.diagnostics, { color: false })}`);
  const engine = await createEngine(loaded.bundle, { alarm, ...(load?.now && { now: load.now }) });
  const gateway = createGateway({ engine, upstream, telemetry, listen: { host: '127.0.0.1', port } });
  try {
    const { url } = await gateway.listen();
    const approvals = path && (await serveApprovals({ path, questions: () => engine.questions, telemetry }));
    return {
      url,
      async close() {
        if (approvals) await approvals.close();
        await gateway.close();
        await engine.close();
      },
    };
  } catch (error) {
    await engine.close();
    throw namingPort(error, port, 'gateway');
  }
}
