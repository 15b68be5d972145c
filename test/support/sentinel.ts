import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'iovalkey';
import { freePort, ValkeyServer } from './valkey-server.ts';

export const MASTER_NAME = 'labels';

/** Waits until `condition` holds, asking often; throws after `limit` milliseconds. */
export async function until(what: string, condition: () => Promise<boolean>, limit = 30_000): Promise<void> {
  const end = Date.now() + limit;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > end) throw new Error(`gave up waiting: ${what}`);
    await delay(25);
  }
}

/** A primary, its replica and three Sentinels that watch them. */
export interface SentinelDeployment {
  readonly servers: readonly ValkeyServer[];
  readonly sentinels: readonly ValkeyServer[];
  readonly addresses: readonly string[];
  /** The server that the Sentinels name as primary. */
  primary(): Promise<ValkeyServer>;
  stop(): Promise<void>;
}

export async function startSentinel(config: readonly string[] = []): Promise<SentinelDeployment> {
  const primary = await ValkeyServer.start({ config });
  const replica = await ValkeyServer.start({ config: [...config, `replicaof 127.0.0.1 ${primary.port}`] });
  const servers = [primary, replica];
  const sentinels: ValkeyServer[] = [];
  for (let i = 0; i < 3; i++) {
    sentinels.push(
      await ValkeyServer.start({
        sentinel: true,
        port: await freePort(),
        config: [
          `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${primary.port} 2`,
          `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
          `sentinel failover-timeout ${MASTER_NAME} 6000`,
        ],
      }),
    );
  }
  const ask = async (sentinel: ValkeyServer, ...question: string[]): Promise<readonly string[]> =>
    sentinel.admin(async (client) => {
      const answer: unknown = await client.call('SENTINEL', ...question);
      return Array.isArray(answer) ? answer.flat().map(String) : [];
    });
  const first = sentinels[0];
  if (first === undefined) throw new Error('no Sentinel');
  for (const sentinel of sentinels) {
    await until('the Sentinels know each other', async () => {
      const facts = await ask(sentinel, 'MASTER', MASTER_NAME);
      const value = (name: string): string | undefined => facts[facts.indexOf(name) + 1];
      return value('num-other-sentinels') === '2' && value('num-slaves') === '1' && value('flags') === 'master';
    });
  }
  await until('the replica follows', async () =>
    replica.admin(async (client) => (await client.info('replication')).includes('master_link_status:up')),
  );
  return {
    servers,
    sentinels,
    addresses: sentinels.map(({ endpoint }) => endpoint),
    async primary() {
      const [, port] = await ask(first, 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
      const found = servers.find((server) => String(server.port) === port);
      if (found === undefined) throw new Error('the Sentinels name a server that is none of these');
      return found;
    },
    async stop() {
      for (const server of [...sentinels, ...servers]) await server.stop();
    },
  };
}

/** Three primaries that share the slots. */
export async function startCluster(config: readonly string[] = []): Promise<readonly ValkeyServer[]> {
  const nodes: ValkeyServer[] = [];
  for (let i = 0; i < 3; i++) {
    const settings = ['cluster-enabled yes', 'cluster-node-timeout 2000', ...config];
    nodes.push(await ValkeyServer.start({ port: await freePort(10_000), config: settings }));
  }
  const [first] = nodes;
  const share = Math.ceil(16_384 / 3);
  for (const [index, node] of nodes.entries()) {
    await node.admin(async (client) => {
      await client.call('CLUSTER', 'ADDSLOTSRANGE', index * share, Math.min((index + 1) * share, 16_384) - 1);
      if (first !== undefined && node !== first) await client.call('CLUSTER', 'MEET', '127.0.0.1', first.port);
    });
  }
  for (const node of nodes) {
    await until('the cluster has formed', async () =>
      node.admin(async (client) => {
        const info = String(await client.call('CLUSTER', 'INFO'));
        return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
      }),
    );
  }
  return nodes;
}

/** Whether a command gets any answer within a second. */
export async function answers({ port }: ValkeyServer): Promise<boolean> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: () => null,
    commandTimeout: 1000,
    lazyConnect: true,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
    return true;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
