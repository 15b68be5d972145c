import { Command, Option } from 'commander';
import { loadBundle, type LoadResult } from '../../config/load-bundle.ts';
import { endBundle } from '../../engine/end-bundle.ts';
import type { EntityType } from '../../engine/operation.ts';
import { explainText } from '../explain-text.ts';
import { explainRoute, explainUnmatched, type Explanation } from '../explanation.ts';
import { reportRejection } from '../load-result.ts';
import { mermaid } from '../mermaid.ts';
import { selectRoutes } from '../select-routes.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  readonly route?: string;
  readonly format: 'text' | 'json' | 'mermaid';
}

/** `explain`: the effective pipeline of each route after layering. */
export function explainCommand(terminal: Terminal): Command {
  return new Command('explain')
    .summary('the effective pipeline of each route after layering')
    .description('Shows what each route of BUNDLE runs after layering, each step with the place it was written at.')
    .argument('<bundle>', 'file or folder')
    .option('--route <route>', 'one route by its key, or the routes that an entity such as `tool:NAME` meets')
    .addOption(new Option('--format <format>', 'output').choices(['text', 'json', 'mermaid']).default('text'))
    .addHelpText(
      'after',
      '\nExit status: 0 explained, 1 the bundle is rejected, 2 usage or a file that cannot be read.',
    )
    .action((path: string, options: Options) => explain(path, options, terminal));
}

async function explain(path: string, { route, format }: Options, terminal: Terminal): Promise<void> {
  const loaded = await loadBundle(path, { environment: terminal.environment });
  if (!loaded.ok) {
    await reportRejection(path, loaded, terminal);
    return;
  }
  await endBundle(loaded.bundle);
  await terminal.stdout.write(render(explanationOf(loaded, route), format));
}

function explanationOf(loaded: LoadResult & { readonly ok: true }, route: string | undefined): Explanation {
  const routes = loaded.outline();
  const unmatched = (types?: readonly EntityType[]): Explanation['unmatched'] =>
    explainUnmatched((type) => loaded.outlineUnmatched(type), types);
  if (route === undefined) return { routes: routes.map(explainRoute), unmatched: unmatched() };
  if (route.startsWith('http:')) return { routes: [], unmatched: unmatched(['http']) };
  const selected = selectRoutes(route, routes);
  const last = selected.at(-1);
  return {
    routes: selected.map(explainRoute),
    unmatched: last?.conditional === true ? unmatched([last.type]) : [],
  };
}

function render(explanation: Explanation, format: Options['format']): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(explanation, undefined, 2)}\n`;
    case 'mermaid':
      return mermaid(explanation);
    case 'text':
      return explainText(explanation);
  }
}
