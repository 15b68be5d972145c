import assert from 'node:assert/strict';
import { casbin } from '../peers/casbin.ts';
import { casl, caslOfCallers, caslOfSubjects } from '../peers/casl.ts';
import { cedar } from '../peers/cedar.ts';
import { celJs } from '../peers/cel-js.ts';
import { cel } from '../peers/cel.ts';
import { jsonRulesEngine } from '../peers/json-rules-engine.ts';
import type { PreparedPeer } from '../peers/peer.ts';
import { allowed, engineOf } from '../engine-of.ts';
import { race, ratioOf, timeOf, type Contender } from '../race.ts';
import { atLeast, Lines, type SectionResult } from '../result.ts';
import { preRules, probe, PROBES, sessionless, standardBundle } from '../standard-request.ts';

const ENGINE = 'engine';
const FASTEST = '@marcbachmann/cel-js';

/** The decision of the standard request by other engines in process. */
export async function peersSection(): Promise<SectionResult> {
  const lines = new Lines('peers');
  const engine = await engineOf(standardBundle());
  const peers = [celJs(), cel(), casl(), caslOfSubjects(), caslOfCallers(), await casbin(), jsonRulesEngine(), cedar()];
  for (const extensions of PROBES) {
    const operation = probe(extensions);
    const expected = (await engine.pre(operation)).decision === 'allow';
    for (const peer of peers) assert.equal(await peer.prepare(operation)(), expected, peer.name);
  }
  const timings = await race([await engineContender(ENGINE, 0), ...peers.map(contender)]);
  lines.add(ENGINE, timeOf(timings, ENGINE), 'ns');
  for (const { name, judged } of peers) {
    const ratio = ratioOf(timings, name, ENGINE);
    lines.add(name, timeOf(timings, name), 'ns', { ratio, of: ENGINE });
    if (judged) lines.check(atLeast(`${name}, × the engine`, ratio, name === FASTEST ? 2 : 10));
  }
  for (const extra of [10, 100]) {
    const peer = celJs(extra);
    const name = `${ENGINE}, ${extra + 4} rules`;
    const more = await race([await engineContender(name, extra), contender(peer)]);
    lines.add(name, timeOf(more, name), 'ns');
    lines.add(peer.name, timeOf(more, peer.name), 'ns', { ratio: ratioOf(more, peer.name, name), of: name });
  }
  return lines;
}

async function engineContender(name: string, extra: number): Promise<Contender> {
  const engine = await engineOf(standardBundle(preRules(extra)));
  return {
    name,
    run(turns) {
      for (let turn = 0; turn < turns; turn += 1) allowed(engine.pre(sessionless(turn)));
    },
  };
}

function contender(peer: PreparedPeer): Contender {
  const decisions = Array.from({ length: 64 }, (_, turn) => peer.prepare(sessionless(turn)));
  if (peer.async) {
    return {
      name: peer.name,
      async run(turns) {
        for (let turn = 0; turn < turns; turn += 1) {
          if ((await decisions[turn % decisions.length]?.()) !== true) throw new Error('denied');
        }
      },
    };
  }
  return {
    name: peer.name,
    run(turns) {
      for (let turn = 0; turn < turns; turn += 1) {
        if (decisions[turn % decisions.length]?.() !== true) throw new Error('denied');
      }
    },
  };
}
