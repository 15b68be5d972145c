import { createInterface } from 'node:readline';
import type { NodeAnswer, NodeRequest } from './node-process.ts';
import { engineOf } from './store-engine.ts';
import { storeOf } from './store-under-test.ts';

const block: Record<string, unknown> = JSON.parse(process.argv[2] ?? '{}');
const under = await engineOf(block);
const { store } = storeOf(block);

for await (const line of createInterface({ input: process.stdin })) {
  const request: NodeRequest = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ answer: await answerTo(request) })}\n`);
}

async function answerTo(request: NodeRequest): Promise<NodeAnswer> {
  if ('decide' in request) {
    const { decision, violation } = await under.decide(request.decide, request.session);
    return violation?.code ?? decision;
  }
  const appends = request.append.map(async ([session, label]) => store.appendLabels(session, [label]));
  const settled = await Promise.allSettled(appends);
  return settled.filter(({ status }) => status === 'fulfilled').length;
}
