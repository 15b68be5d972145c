import type { Report } from '../../diagnostics/report.ts';
import type { Stage } from '../../language/ast.ts';
import type { ParsedField } from '../parsed-field.ts';
import type { Pace } from '../pace.ts';
import type { SectionLayer } from '../section-layer.ts';

/** A more specific pipeline keeps what the broader one of its field protected. Source: "Routing and layering". */
export async function pipelineWeakened(
  routes: readonly (readonly SectionLayer[])[],
  report: Report,
  pace: Pace,
): Promise<void> {
  const reported = new Set<ParsedField>();
  for (const layers of routes) {
    if (pace.due) await pace.rest();
    for (const phase of ['args', 'result'] as const) {
      const having = layers.filter(({ parsed }) => parsed[phase].length > 0);
      if (having.length < 2) continue;
      const broader = new Map<string, ParsedField>();
      for (const layer of having) {
        for (const field of layer.parsed[phase]) {
          const before = broader.get(field.name);
          broader.set(field.name, field);
          if (before === undefined || field.append || reported.has(field)) continue;
          const lost = protections(before).filter((name) => !protections(field).includes(name));
          if (lost.length === 0) continue;
          reported.add(field);
          const stages = lost.map((name) => `\`${name}\``).join(', ');
          report.add(
            'config/pipeline-weakened',
            field.keySpan,
            `the pipeline of \`${field.name}\` drops ${stages} of \`${before.place}\``,
            {
              help: 'repeat the stage, or write `{pipeline: …, append: true}` to run both',
              related: [{ span: before.keySpan, note: 'the pipeline that it replaces' }],
            },
          );
        }
      }
    }
  }
}

function protections(field: ParsedField): readonly string[] {
  return [...new Set(field.pipeline.stages.map(nameOf))];
}

function nameOf(stage: Stage): string {
  switch (stage.kind) {
    case 'type':
      return stage.type;
    case 'format':
      return stage.format;
    case 'scan':
      return stage.scan;
    case 'length':
      return 'len';
    case 'range':
    case 'enum':
    case 'regex':
    case 'mask':
    case 'redact':
    case 'omit':
    case 'hash':
    case 'taint':
    case 'plugin':
      return stage.kind;
  }
}
