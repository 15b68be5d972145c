import type { ExplainedPipeline, ExplainedStep, Explanation } from './explanation.ts';

/** The explanation as a Mermaid flowchart: a subgraph for each route, its steps from top to bottom. */
export function mermaid({ routes, unmatched }: Explanation): string {
  const lines = ['flowchart TD'];
  routes.forEach((route, index) => {
    const title = route.conditional ? `${route.key} (when its condition holds)` : route.key;
    subgraph(lines, `route${index}`, title, route, 'allow');
  });
  unmatched.forEach((group, index) => {
    subgraph(lines, `unmatched${index}`, `${group.types.join(', ')}: no route matches`, group, group.decision);
  });
  return `${lines.join('\n')}\n`;
}

function subgraph(
  lines: string[],
  id: string,
  title: string,
  pipeline: ExplainedPipeline,
  decision: 'allow' | 'deny',
): void {
  lines.push(`  subgraph ${id}[${label(title)}]`, '    direction TB');
  const nodes = [`${id}_start([${label('request')}])`];
  const isBefore = ({ phase }: ExplainedStep): boolean => phase === 'args' || phase === 'pre_invocation';
  const steps = (which: readonly ExplainedStep[]): void => {
    for (const { phase, text, file, line, column } of which) {
      nodes.push(`${id}_${nodes.length}[${label(`${phase}: ${text}`, `${file}:${line}:${column}`)}]`);
    }
  };
  steps(pipeline.steps.filter(isBefore));
  if (decision === 'deny') nodes.push(`${id}_end([${label('deny')}])`);
  else {
    nodes.push(`${id}_call{{${label('operation')}}}`);
    steps(pipeline.steps.filter((step) => !isBefore(step)));
    nodes.push(`${id}_end([${label('answer')}])`);
  }
  nodes.forEach((node, index) => {
    const before = nodes[index - 1];
    lines.push(before === undefined ? `    ${node}` : `    ${idOf(before)} --> ${node}`);
  });
  lines.push('  end');
}

function idOf(node: string): string {
  return node.slice(0, node.search(/[([{]/));
}

/** A quoted label of one or more lines. What the grammar or HTML could take for its own becomes a character code. */
function label(...lines: readonly string[]): string {
  return `"${lines.map((line) => line.replace(/[^\p{L}\p{N} .,:()=!|'/_-]/gu, code)).join('<br/>')}"`;
}

function code(character: string): string {
  return `#${character.codePointAt(0) ?? 0};`;
}
