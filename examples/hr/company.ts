import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startPolicyGateway, type PolicyGateway } from './gateway.ts';
import { startIssuer, type Issuer } from './issuer.ts';
import type { McpEndpoint } from './serve-mcp.ts';
import { startHrServer } from './server.ts';

/** The ports that `policy.yaml` and the README name. */
export const PORTS = { gateway: 8800, issuer: 8801, server: 8802 } as const;

export const POLICY = fileURLToPath(new URL('policy.yaml', import.meta.url));

/** Everything that the example needs, running. */
export interface Company {
  readonly issuer: Issuer;
  readonly server: McpEndpoint;
  readonly gateway: PolicyGateway;
  /** Path of the Unix socket where questions are answered. */
  readonly approvals: string;
  close(): Promise<void>;
}

/** Starts issuer, HR server and gateway, in this order; when one cannot start, those before it are closed again. */
export async function startCompany(): Promise<Company> {
  const started: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of started.splice(0).toReversed()) await part.close();
  };
  try {
    const issuer = await startIssuer(PORTS.issuer);
    started.push(issuer);
    const server = await startHrServer(PORTS.server, issuer.url);
    started.push(server);
    const folder = await mkdtemp(join(tmpdir(), 'indelible-hr-'));
    started.push({ close: () => rm(folder, { recursive: true, force: true }) });
    const approvals = join(folder, 'approvals.sock');
    const gateway = await startPolicyGateway({ policy: POLICY, upstream: server.url, port: PORTS.gateway, approvals });
    started.push(gateway);
    return { issuer, server, gateway, approvals, close };
  } catch (error) {
    await close();
    throw error;
  }
}
