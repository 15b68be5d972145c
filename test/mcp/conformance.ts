import { parseArgs } from 'node:util';
import { compareResults, gatewayKeepsConformance, renderComparison } from '../support/conformance-comparison.ts';
import { startConformanceServer } from '../support/conformance-server.ts';
import { REVISIONS, runConformanceSuite, type Revision } from '../support/conformance-suite.ts';
import { startEverythingServer } from '../support/everything-server.ts';
import type { RunningServer } from '../support/running-server.ts';
import { startGateway } from '../support/start-gateway.ts';

const USAGE = `usage: npm run test:conformance -- [--upstream NAME]… [--revision REVISION]… [--upstream-url URL --gateway-url URL]

Runs the official MCP conformance suite directly against a server and through a gateway in front of it.
Exits with 1 when something that passes directly fails through the gateway.

  --upstream      fixture (both revisions) or everything (2025-11-25 only); default: both
  --revision      ${REVISIONS.join(' or ')}; default: both
  --upstream-url  a server that already runs, together with
  --gateway-url   a gateway that already runs in front of it
`;

interface Pair {
  readonly name: string;
  readonly revisions: readonly Revision[];
  readonly start: () => Promise<{ readonly direct: RunningServer; readonly through: RunningServer }>;
}

function started(start: () => Promise<RunningServer>): Pair['start'] {
  return async () => {
    const direct = await start();
    return { direct, through: await startGateway(direct.url) };
  };
}

const PAIRS: readonly Pair[] = [
  { name: 'fixture', revisions: REVISIONS, start: started(startConformanceServer) },
  { name: 'everything', revisions: ['2025-11-25'], start: started(startEverythingServer) },
];

function running(url: string): RunningServer {
  return { url, close: () => Promise.resolve() };
}

/** Compares one pair per revision; resolves to whether the gateway kept everything. */
async function comparePair(pair: Pair, revisions: ReadonlySet<string>): Promise<boolean> {
  const { direct, through } = await pair.start();
  try {
    let kept = true;
    for (const revision of pair.revisions.filter((candidate) => revisions.has(candidate))) {
      const comparisons = compareResults(
        await runConformanceSuite(direct.url, revision),
        await runConformanceSuite(through.url, revision),
      );
      process.stdout.write(`${renderComparison(`${pair.name}, ${revision}`, comparisons)}\n`);
      kept &&= gatewayKeepsConformance(comparisons);
    }
    return kept;
  } finally {
    await through.close();
    await direct.close();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      upstream: { type: 'string', multiple: true, default: PAIRS.map(({ name }) => name) },
      revision: { type: 'string', multiple: true, default: [...REVISIONS] },
      'upstream-url': { type: 'string' },
      'gateway-url': { type: 'string' },
    },
  });
  const upstreamUrl = values['upstream-url'];
  const gatewayUrl = values['gateway-url'];
  if (values.help === true || (upstreamUrl === undefined) !== (gatewayUrl === undefined)) {
    process.stdout.write(USAGE);
    return values.help === true ? 0 : 2;
  }
  const pairs =
    upstreamUrl === undefined || gatewayUrl === undefined
      ? PAIRS.filter(({ name }) => values.upstream.includes(name))
      : [
          {
            name: upstreamUrl,
            revisions: REVISIONS,
            start: () => Promise.resolve({ direct: running(upstreamUrl), through: running(gatewayUrl) }),
          },
        ];
  let kept = true;
  for (const pair of pairs) kept = (await comparePair(pair, new Set(values.revision))) && kept;
  return kept ? 0 : 1;
}

process.exitCode = await main();
