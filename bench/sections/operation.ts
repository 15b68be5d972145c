import assert from 'node:assert/strict';
import type { JsonObject, Operation } from '../../src/engine/operation.ts';
import type { PolicyEngine } from '../../src/engine/policy-engine.ts';
import { allowed, engineOf } from '../engine-of.ts';
import { HandWritten } from '../hand-written.ts';
import { race, ratioOf, timeOf, type Contender } from '../race.ts';
import { atMost, Lines, type SectionResult } from '../result.ts';
import { CALLERS, operationOf, probe, PROBES, RESULTS, standardBundle } from '../standard-request.ts';

const HAND = 'by hand';
const ENGINE = 'engine';

/** `pre` and `post`: decision, labels of the session in process, copy of what a transform touches. */
export async function operationSection(): Promise<SectionResult> {
  const lines = new Lines('whole operation');
  const small = await engineOf(standardBundle());
  await assertEqualOutcomes(small);
  const timings = await race([byHand(HAND, RESULTS), byEngine(ENGINE, small, RESULTS)]);
  lines.add(HAND, timeOf(timings, HAND), 'ns');
  lines.add(ENGINE, timeOf(timings, ENGINE), 'ns', { ratio: ratioOf(timings, ENGINE, HAND), of: HAND });
  lines.check(atMost('whole operation, × by hand', ratioOf(timings, ENGINE, HAND), 2));

  const large = RESULTS.map((result) => ({ ...result, notes: 'x'.repeat(1024 * 1024) }));
  const onLarge = await race([byHand(HAND, large), byEngine(ENGINE, await engineOf(standardBundle()), large)]);
  lines.add('engine, result of 1 MB', timeOf(onLarge, ENGINE), 'ns', {
    ratio: ratioOf(onLarge, ENGINE, HAND),
    of: HAND,
  });

  for (const labels of [0, 3, 1000]) {
    const hand = byHand(HAND, RESULTS, labels);
    const labelled = await race([hand, byEngine(ENGINE, await labelledEngine(labels), RESULTS)]);
    const compared = { ratio: ratioOf(labelled, ENGINE, HAND), of: HAND };
    lines.add(`engine, session of ${labels} labels`, timeOf(labelled, ENGINE), 'ns', compared);
  }
  return lines;
}

function byHand(name: string, results: readonly JsonObject[], labels = 0): Contender {
  const hand = new HandWritten();
  for (let turn = 0; turn < CALLERS.length; turn += 1) {
    const session = operationOf(turn).extensions?.agent?.session_id ?? '';
    if (labels > 0) hand.sessions.set(session, new Set(labelNames(labels)));
  }
  return {
    name,
    run(turns) {
      for (let turn = 0; turn < turns; turn += 1) {
        const operation = operationOf(turn);
        const result = results[turn % results.length];
        if (result === undefined || !hand.decide(operation).allowed) throw new Error('denied');
        if (!hand.finish(operation, result).allowed) throw new Error('denied');
      }
    },
  };
}

function byEngine(name: string, engine: PolicyEngine, results: readonly JsonObject[]): Contender {
  return {
    name,
    run(turns) {
      for (let turn = 0; turn < turns; turn += 1) {
        const operation = operationOf(turn);
        allowed(engine.pre(operation));
        allowed(engine.post(operation, results[turn % results.length]));
      }
    },
  };
}

function labelNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `label-${index}`);
}

/** An engine whose sessions hold `count` labels, besides the one that the policy of the standard request adds. */
async function labelledEngine(count: number): Promise<PolicyEngine> {
  if (count === 0) return engineOf(standardBundle());
  const taints = labelNames(count).map((label) => `      - taint(${JSON.stringify(label)}, session)`);
  const engine = await engineOf(`${standardBundle()}  - tool: label\n    pre_invocation:\n${taints.join('\n')}\n`);
  for (let turn = 0; turn < CALLERS.length; turn += 1) {
    const operation: Operation = operationOf(turn, { type: 'tool', name: 'label' });
    allowed(engine.pre(operation));
    allowed(engine.post(operation, null));
  }
  return engine;
}

async function assertEqualOutcomes(engine: PolicyEngine): Promise<void> {
  const hand = new HandWritten();
  const [result = {}] = RESULTS;
  for (const extensions of [...PROBES, ...CALLERS.map((_, turn) => operationOf(turn).extensions)]) {
    const operation = probe(extensions);
    const before = await engine.pre(operation);
    assert.equal(hand.decide(operation).allowed, before.decision === 'allow');
    if (before.decision !== 'allow') continue;
    assert.deepEqual((await engine.post(operation, result)).result, hand.finish(operation, result).result);
  }
}
