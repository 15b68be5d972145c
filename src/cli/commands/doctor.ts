import { Command, Option } from 'commander';
import { loadBundle } from '../../config/load-bundle.ts';
import { endBundle } from '../../engine/end-bundle.ts';
import { visibleText } from '../../diagnostics/visible-text.ts';
import type { StoreCheck } from '../../session/label-store.ts';
import { reportRejection } from '../load-result.ts';
import type { Terminal } from '../terminal.ts';

interface Options {
  readonly format: 'text' | 'json';
}

/** One line of the answer. `store` is the key of the bundle that configures what was examined. */
interface Finding extends StoreCheck {
  readonly store: 'session_store' | 'transport_sessions';
}

const OUTCOMES = { ok: 'ok', problem: 'problem', unknown: 'could not check' } as const;

/** `doctor`: examine the stores that a bundle configures. */
export function doctorCommand(terminal: Terminal): Command {
  return new Command('doctor')
    .summary('examine the stores that a bundle configures')
    .description(
      'Connects to the stores that BUNDLE configures and examines them: reachability, role, eviction policy,' +
        ' persistence, user, TLS, clock.',
    )
    .argument('<bundle>', 'file or folder')
    .addOption(new Option('--format <format>', 'output').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExit status: 0 healthy, 1 a problem or a rejected bundle, 2 usage.')
    .action((path: string, options: Options) => doctor(path, options, terminal));
}

async function doctor(path: string, { format }: Options, terminal: Terminal): Promise<void> {
  const loaded = await loadBundle(path, { environment: terminal.environment });
  if (!loaded.ok) return reportRejection(path, loaded, terminal);
  const { sessions, transport, transportSessionsBlock } = loaded.bundle;
  try {
    const findings = [
      ...(await examine('session_store', sessions.store, 'labels')),
      ...(transportSessionsBlock === undefined
        ? []
        : await examine('transport_sessions', transport.storage, 'sessions')),
    ];
    const healthy = findings.every(({ outcome }) => outcome !== 'problem');
    await terminal.stdout.write(format === 'json' ? jsonOf(healthy, findings) : findings.map(lineOf).join(''));
    if (!healthy) terminal.exitCode = 1;
  } finally {
    await endBundle(loaded.bundle);
  }
}

async function examine(
  store: Finding['store'],
  examined: { readonly kind: string; selfCheck?(): Promise<readonly StoreCheck[]> },
  holds: string,
): Promise<readonly Finding[]> {
  const checks = (await examined.selfCheck?.()) ?? [inProcess(examined.kind, holds)];
  return checks.map((check) => ({ store, ...check }));
}

function inProcess(kind: string, holds: string): StoreCheck {
  const detail = `\`${kind}\` has no server: ${holds} are not shared, and end with the process`;
  return { name: 'server', outcome: 'ok', detail };
}

function jsonOf(healthy: boolean, checks: readonly Finding[]): string {
  return `${JSON.stringify({ healthy, checks }, undefined, 2)}\n`;
}

function lineOf({ store, name, outcome, detail, advice }: Finding): string {
  const hint = advice === undefined || outcome === 'ok' ? '' : `\n  = help: ${visibleText(advice)}`;
  return `${store} ${name}: ${OUTCOMES[outcome]}, ${visibleText(detail)}${hint}\n`;
}
