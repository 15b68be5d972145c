import { Redis } from 'iovalkey';
import { APPEND_SCRIPT, LOAD_SCRIPT, loadScripts } from '../../src/session/label-scripts.ts';
import type { Awaitable, LabelStore } from '../../src/session/label-store.ts';
import { valkeyStoreFactory } from '../../src/session/valkey-store-factory.ts';
import { ValkeyServer } from '../../test/support/valkey-server.ts';
import { atLeast, atMost, Lines, type SectionResult } from '../result.ts';
import { figureOf, roundOf, takeTurns, timesOf, type Candidate, type Round } from '../rounds.ts';

const ROUNDS = 9;
const ROUND_MS = 300;
const IN_FLIGHT = [1, 16, 256];
const SESSIONS = 1000;
const TTL_SECONDS = 3600;
/** Of every session, so that no append makes later loads longer. */
const LABELS = ['label-0', 'label-1', 'label-2'];

const LOAD = 'load';
const LOAD_PIPELINE = 'load by a pipeline of SMEMBERS and EXPIRE';
const LOAD_SCRIPTED = 'load by the same script on the client';
const APPEND = 'append';
const APPEND_SCRIPTED = 'append by the same script on the client';
const APPEND_MULTI = 'append by MULTI of SADD and EXPIRE';

type Operation = (turn: number) => Awaitable<unknown>;

/** The label store on a real Valkey, beside the same client without it. */
export async function storeSection(): Promise<SectionResult> {
  const lines = new Lines('store');
  const server = await ValkeyServer.start();
  const context = { now: Date.now, baseDirectory: '/', environment: {}, alarm: () => undefined };
  const block = { kind: 'valkey', endpoint: server.endpoint, ttl_seconds: TTL_SECONDS, command_timeout_ms: 5000 };
  const store = valkeyStoreFactory.build(block, context);
  const client = new Redis({ host: '127.0.0.1', port: server.port, commandTimeout: 5000 });
  await loadScripts(client);
  const operations = operationsOf(store, client);
  for (let turn = 0; turn < SESSIONS; turn += 1) {
    await store.appendLabels(sessionOf(turn), LABELS);
    await client.sadd(keyOf(turn), LABELS);
    await client.expire(keyOf(turn), TTL_SECONDS);
  }
  for (const inFlight of IN_FLIGHT) await measure(lines, operations, inFlight);
  await store.close();
  client.disconnect();
  await server.stop();
  return lines;
}

async function measure(lines: Lines, operations: ReadonlyMap<string, Operation>, inFlight: number): Promise<void> {
  const candidates = [...operations].map(([name, operation]): Candidate => ({
    name,
    measure: () => measureOnce(operation, inFlight),
  }));
  const rounds = await takeTurns(candidates, ROUNDS);
  for (const name of operations.keys()) {
    const base = name.startsWith(LOAD) ? LOAD : APPEND;
    const compared = (figure: 'perSecond' | 'p99' | 'processor') =>
      name === base ? undefined : { ratio: timesOf(rounds, name, base, figure), of: base };
    const title = `${name}, ${inFlight} in flight`;
    lines.add(title, figureOf(rounds, name, 'perSecond'), 'a second', compared('perSecond'));
    lines.add(`${title}, processor time`, figureOf(rounds, name, 'processor'), 'µs', compared('processor'));
    lines.add(`${title}, p99`, figureOf(rounds, name, 'p99'), 'µs', compared('p99'));
  }
  const checked = [
    { name: LOAD, base: LOAD_PIPELINE, least: inFlight === 1 ? 0.9 : 1.5 },
    { name: APPEND, base: APPEND_SCRIPTED, least: 0.9 },
  ];
  for (const { name, base, least } of checked) {
    const title = `${name}, ${inFlight} in flight`;
    lines.check(atLeast(`${title}: a second, × ${base}`, timesOf(rounds, name, base, 'perSecond'), least));
    lines.check(atMost(`${title}: p99, × ${base}`, timesOf(rounds, name, base, 'p99'), 1.2));
  }
}

async function measureOnce(operation: Operation, inFlight: number): Promise<Round> {
  const times: number[] = [];
  let turn = 0;
  const processor = process.cpuUsage();
  const started = performance.now();
  const end = started + ROUND_MS;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const begun = performance.now();
      await operation((turn += 1));
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const { user, system } = process.cpuUsage(processor);
  return roundOf(times, performance.now() - started, user + system);
}

function operationsOf(store: LabelStore, client: Redis): ReadonlyMap<string, Operation> {
  const ttl = TTL_SECONDS * 1000;
  return new Map<string, Operation>([
    [LOAD, (turn) => store.loadLabels(sessionOf(turn))],
    [LOAD_PIPELINE, (turn) => client.pipeline().smembers(keyOf(turn)).expire(keyOf(turn), TTL_SECONDS).exec()],
    [LOAD_SCRIPTED, (turn) => client.evalsha(LOAD_SCRIPT.digest, 1, keyOf(turn), ttl)],
    [APPEND, (turn) => store.appendLabels(sessionOf(turn), [labelOf(turn)])],
    [APPEND_SCRIPTED, (turn) => client.evalsha(APPEND_SCRIPT.digest, 1, keyOf(turn), ttl, 0, labelOf(turn))],
    [APPEND_MULTI, (turn) => client.multi().sadd(keyOf(turn), labelOf(turn)).expire(keyOf(turn), TTL_SECONDS).exec()],
  ]);
}

function sessionOf(turn: number): string {
  return `session-${turn % SESSIONS}-`.padEnd(64, '0');
}

function keyOf(turn: number): string {
  return `bare:${sessionOf(turn)}`;
}

function labelOf(turn: number): string {
  return LABELS[turn % LABELS.length] ?? '';
}
