import assert from 'node:assert/strict';
import type { Entity } from '../../src/engine/operation.ts';
import type { PolicyEngine } from '../../src/engine/policy-engine.ts';
import { allowed, engineOf } from '../engine-of.ts';
import { attributesOf, decideOverMap, HandWritten } from '../hand-written.ts';
import { race, ratioOf, timeOf, type Contender } from '../race.ts';
import { atMost, Lines, type SectionResult } from '../result.ts';
import {
  manyRoutes,
  preRules,
  probe,
  PROBES,
  route,
  sessionless,
  standardBundle,
  TOOL,
  toolName,
} from '../standard-request.ts';

const NO_LABELS: ReadonlySet<string> = new Set();
const MAP = 'by hand over a map';
const TYPED = 'by hand over the typed request';
const ENGINE = 'engine, one hot route';

/** `pre` alone: no session whose labels were to be kept, nothing to copy. */
export async function decisionSection(): Promise<SectionResult> {
  const lines = new Lines('decision');
  const engine = await engineOf(standardBundle());
  await assertEqualDecisions(engine);
  const operations = Array.from({ length: 64 }, (_, turn) => sessionless(turn));
  const maps = operations.map((operation) => attributesOf(operation, NO_LABELS));
  const hand = new HandWritten();
  const overMap: Contender = {
    name: MAP,
    run(turns) {
      for (let turn = 0; turn < turns; turn += 1) {
        const map = maps[turn % maps.length];
        if (map !== undefined && !decideOverMap(map).allowed) throw new Error('denied');
      }
    },
  };
  const contenders: readonly Contender[] = [
    overMap,
    {
      name: TYPED,
      run(turns) {
        for (let turn = 0; turn < turns; turn += 1) {
          const operation = operations[turn % operations.length];
          if (operation !== undefined && !hand.decide(operation).allowed) throw new Error('denied');
        }
      },
    },
    pre(ENGINE, engine),
  ];
  const hot = await race(contenders);
  lines.add(MAP, timeOf(hot, MAP), 'ns');
  for (const name of [TYPED, ENGINE]) {
    lines.add(name, timeOf(hot, name), 'ns', { ratio: ratioOf(hot, name, MAP), of: MAP });
  }
  lines.check(atMost('decision on one hot route, × by hand over a map', ratioOf(hot, ENGINE, MAP), 2));

  const byRules = await race([
    overMap,
    ...(await Promise.all(
      [0, 9, 99].map(async (extra) => pre(`${extra + 4} rules`, await engineOf(standardBundle(preRules(extra))))),
    )),
    pre('1 rule', await engineOf(standardBundle(['require(role.hr)']))),
  ]);
  for (const name of ['1 rule', '4 rules', '13 rules', '103 rules']) {
    lines.add(name, timeOf(byRules, name), 'ns', { ratio: ratioOf(byRules, name, MAP), of: MAP });
  }

  const byRoutes = await race([
    overMap,
    ...(await Promise.all(
      [10, 1_000, 100_000].map(async (count) => pre(`one of ${count} names`, await engineOf(bundleOfNames(count)))),
    )),
    pre('one of 10000 routes', await engineOf(manyRoutes(9_999) + route(TOOL))),
  ]);
  for (const name of ['one of 10 names', 'one of 1000 names', 'one of 100000 names', 'one of 10000 routes']) {
    lines.add(name, timeOf(byRoutes, name), 'ns', { ratio: ratioOf(byRoutes, name, MAP), of: MAP });
  }

  const many = await engineOf(manyRoutes(1000));
  const tools: readonly Entity[] = Array.from({ length: 1000 }, (_, index) => ({
    type: 'tool',
    name: toolName(index),
  }));
  const name = '1,000 different routes in turn';
  const turning = await race([overMap, pre(name, many, tools)]);
  lines.add(name, timeOf(turning, name), 'ns', { ratio: ratioOf(turning, name, MAP), of: MAP });
  lines.check(atMost(`decision, ${name}, × by hand over a map`, ratioOf(turning, name, MAP), 4.5));
  return lines;
}

/** The standard request's route beside one that lists the rest of `names` names. */
function bundleOfNames(names: number): string {
  const others = Array.from({ length: names - 1 }, (_, index) => toolName(index));
  return `${standardBundle()}  - tool: [${others.join(', ')}]\n`;
}

/** Decides on a new operation each time, of facts that are there already; `entities` take turns. */
function pre(name: string, engine: PolicyEngine, entities: readonly Entity[] = []): Contender {
  return {
    name,
    run(turns) {
      for (let turn = 0; turn < turns; turn += 1) {
        allowed(engine.pre(sessionless(turn, entities[turn % entities.length])));
      }
    },
  };
}

/** Every contender decides the probes alike. */
async function assertEqualDecisions(engine: PolicyEngine): Promise<void> {
  const hand = new HandWritten();
  for (const extensions of PROBES) {
    const operation = probe(extensions);
    const expected = (await engine.pre(operation)).decision === 'allow';
    assert.equal(hand.decide(operation).allowed, expected);
    assert.equal(decideOverMap(attributesOf(operation, NO_LABELS)).allowed, expected);
  }
}
