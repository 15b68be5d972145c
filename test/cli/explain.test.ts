import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import DOMPurify from 'dompurify';
import type { Explanation } from '../../src/cli/explanation.ts';
import { runCli } from '../support/run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-explain-'));
after(() => rmSync(folder, { recursive: true }));

const policy = join(folder, 'policy.yaml');
writeFileSync(
  policy,
  `global:
  authentication: []
  defaults:
    tool: {pre_invocation: [require(authenticated)]}
routes:
  - tool: pay
    when: role.payer
    response: {status: 402}
    args:
      note: 'regex("^[\`#;<b>&x]{1,2}$") | taint(noted)'
    pre_invocation:
      - {when: "subject.id == 'end'", do: ["deny('say \\"no\\" <br/>', 'n')"]}
    post_invocation:
      - "exists(result.x): deny('ünïcode → 🔒', 'x')"
  - llm: "*"
`,
);

async function explain(...argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCli(['explain', policy, ...argv]);
  assert.equal(stderr, '');
  assert.equal(exitCode, 0);
  return stdout;
}

void describe('explain --format json', () => {
  void test('each step has its rule, its layer and its place', async () => {
    const { routes, unmatched } = JSON.parse(await explain('--format', 'json')) as Explanation;
    assert.deepEqual(
      routes.map(({ key, conditional, response, line, column }) => ({ key, conditional, response, line, column })),
      [
        { key: 'tool:pay', conditional: true, response: true, line: 6, column: 11 },
        { key: 'llm:*', conditional: false, response: false, line: 15, column: 10 },
      ],
    );
    assert.deepEqual(
      routes[0]?.steps.map(({ phase, layer, place, line }) => ({ phase, layer, place, line })),
      [
        { phase: 'args', layer: 'routes.tool:pay', place: 'routes.tool:pay.args.note', line: 10 },
        {
          phase: 'pre_invocation',
          layer: 'global.defaults.tool',
          place: 'global.defaults.tool.pre_invocation[0]',
          line: 4,
        },
        { phase: 'pre_invocation', layer: 'routes.tool:pay', place: 'routes.tool:pay.pre_invocation[0]', line: 12 },
        { phase: 'post_invocation', layer: 'routes.tool:pay', place: 'routes.tool:pay.post_invocation[0]', line: 14 },
      ],
    );
    assert.deepEqual(
      unmatched.map(({ types, decision }) => ({ types, decision })),
      [
        { types: ['tool'], decision: 'deny' },
        { types: ['resource', 'prompt', 'llm'], decision: 'deny' },
        { types: ['http'], decision: 'allow' },
      ],
    );
  });

  void test('--route leaves out what is not asked for', async () => {
    const { routes, unmatched } = JSON.parse(await explain('--format', 'json', '--route', 'llm:gpt')) as Explanation;
    assert.deepEqual(
      routes.map(({ key }) => key),
      ['llm:*'],
    );
    assert.deepEqual(unmatched, []);
  });

  void test('http operations meet the global layer', async () => {
    const { routes, unmatched } = JSON.parse(await explain('--format', 'json', '--route', 'http:*')) as Explanation;
    assert.deepEqual(routes, []);
    assert.deepEqual(unmatched[0]?.types, ['http']);
  });
});

void describe('explain --format mermaid', () => {
  void test("is accepted by Mermaid's own parser, which reads every rule back", async () => {
    // Mermaid sanitizes labels with the browser's DOM, which is not here; the grammar works without.
    Object.assign(DOMPurify, { sanitize: (text: string) => text, addHook: () => undefined });
    const { default: mermaid } = await import('mermaid');
    const text = await explain('--format', 'mermaid');
    assert.deepEqual(await mermaid.parse(text), { diagramType: 'flowchart-v2', config: {} });
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    const { routes, unmatched } = JSON.parse(await explain('--format', 'json')) as Explanation;
    const labels = [...(db as FlowDatabase).getVertices().values()].map((vertex) => decoded(vertex.text));
    const steps = [...routes, ...unmatched].flatMap((pipeline) => pipeline.steps);
    assert.ok(steps.length >= 5);
    for (const { phase, text: rule, file, line, column } of steps) {
      assert.ok(
        labels.includes(`${phase}: ${rule}<br/>${file}:${line}:${column}`),
        `${rule} is not in ${labels.join('\n')}`,
      );
    }
    assert.equal((db as FlowDatabase).getSubGraphs().length, routes.length + unmatched.length);
  });
});

interface FlowDatabase {
  getVertices(): ReadonlyMap<string, { readonly text: string }>;
  getSubGraphs(): readonly unknown[];
}

/** Mermaid keeps character codes in this form until it draws. */
function decoded(label: string): string {
  return label.replace(/ﬂ°°(\d+)¶ß/g, (_, code: string) => String.fromCodePoint(Number(code)));
}
