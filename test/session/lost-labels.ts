import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Alarm } from '../../src/session/label-store.ts';
import { until } from '../support/sentinel.ts';
import { engineOf, type EngineUnderTest } from '../support/store-engine.ts';
import { ValkeyServer } from '../support/valkey-server.ts';

export interface DrillSize {
  readonly kills: number;
  /** Requests that are allowed, at the least. */
  readonly appends: number;
}

/** Sessions that are tainted at the same time. */
const IN_FLIGHT = 8;

interface Drill {
  readonly under: EngineUnderTest;
  /** Sessions whose tainting request was allowed. */
  readonly allowed: readonly string[];
  readonly denied: number;
}

/** Taints session after session through one node while the server is killed and restarted at random moments. */
async function drill(
  server: ValkeyServer,
  block: object,
  size: DrillSize,
  afterKill: () => Promise<void>,
): Promise<Drill> {
  const under = await engineOf({ kind: 'valkey', endpoint: server.endpoint, ...block });
  const allowed: string[] = [];
  let denied = 0;
  const phase = { killing: true };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (phase.killing || allowed.length < size.appends) {
      const session = `drill-${(next += 1)}`;
      const { decision } = await under.decide('taint', session);
      if (decision === 'allow') allowed.push(session);
      else {
        denied += 1;
        // While the breaker is open a denial takes no time at all.
        await delay(5);
      }
    }
  };
  const workers = Array.from({ length: IN_FLIGHT }, worker);
  for (let kills = 0; kills < size.kills; kills++) {
    const reached = allowed.length + 25;
    await until('requests are allowed', async () => allowed.length >= reached);
    await delay(Math.random() * 50);
    await server.kill();
    await afterKill();
    await server.run();
  }
  phase.killing = false;
  await Promise.all(workers);
  return { under, allowed, denied };
}

const regressions = (alarms: readonly Alarm[]): number =>
  alarms.filter(({ alarm }) => alarm === 'session_store_regression').length;

async function shedding(under: EngineUnderTest, sessions: readonly string[]): Promise<readonly string[]> {
  const shed: string[] = [];
  for (const session of sessions) {
    const { violation } = await under.decide('look', session);
    if (violation?.code !== 'test.tainted') shed.push(session);
  }
  return shed;
}

/**
 * Kills the server with SIGKILL at random moments while one node labels session after session, and looks afterwards for
 * labels that are missing. Source: session state specification, "Durable acknowledgement" and "Lost-label floor".
 */
export function lostLabelDrill(size: DrillSize): void {
  test('with `ack: aof` no label of an allowed request is missing after the server was killed', async (t) => {
    const server = await ValkeyServer.start({ config: ['appendonly yes', 'appendfsync everysec'] });
    t.after(() => server.stop());
    const limits = { connect_timeout_ms: 1000, command_timeout_ms: 4000 };
    const { under, allowed, denied } = await drill(
      server,
      { ...limits, durability: { ack: 'aof' } },
      size,
      async () => undefined,
    );
    await under.engine.close();
    const fresh = await engineOf({ kind: 'valkey', endpoint: server.endpoint, ...limits });
    const shed = await shedding(fresh, allowed);
    await fresh.engine.close();
    t.diagnostic(
      `ack aof, appendfsync everysec: ${size.kills} kills, ${allowed.length} allowed, ${denied} denied, ${shed.length} lost`,
    );
    assert.ok(allowed.length >= size.appends);
    assert.deepEqual(shed, []);
  });

  test('with `ack: memory` what a crash loses is caught by the node that wrote it', async (t) => {
    const server = await ValkeyServer.start({ config: ['appendonly yes', 'appendfsync no', 'aof-load-truncated yes'] });
    t.after(() => server.stop());
    const limits = { connect_timeout_ms: 1000, command_timeout_ms: 2000 };
    // What the operating system has not written yet is gone when the machine goes; here the end of the file is cut off.
    const loseTheEnd = async (): Promise<void> => {
      const folder = join(server.folder, 'appendonlydir');
      const file = (await readdir(folder)).find((name) => name.endsWith('.incr.aof')) ?? '';
      const { size: bytes } = await stat(join(folder, file));
      await truncate(join(folder, file), Math.max(0, bytes - 500 - Math.floor(Math.random() * 3500)));
    };
    const { under, allowed, denied } = await drill(server, limits, size, loseTheEnd);
    await until('the store answers', async () => (await under.decide('look', 'warm-up')).decision === 'allow');
    const other = await engineOf({ kind: 'valkey', endpoint: server.endpoint, ...limits });
    const lost = await shedding(other, allowed);
    const earlier = regressions(under.alarms);
    assert.deepEqual(await shedding(under, allowed), [], 'the floor missed a label');
    assert.equal(regressions(under.alarms) - earlier, lost.length);
    assert.deepEqual(await shedding(other, allowed), [], 'a label was not put back');
    await Promise.all([under.engine.close(), other.engine.close()]);
    t.diagnostic(
      `ack memory, appendfsync no: ${size.kills} kills, ${allowed.length} allowed, ${denied} denied, ${lost.length} lost and caught`,
    );
    assert.ok(lost.length > 0, 'nothing was lost, so nothing was shown');
  });
}
