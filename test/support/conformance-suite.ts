import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Protocol revisions with a set of required scenarios: the last sessionful one, and the first stateless one. */
export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

const checkSchema = z.array(
  z.object({
    id: z.string(),
    status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']),
    errorMessage: z.string().optional(),
  }),
);

/** One assertion of a scenario, as the suite reports it. Ids may repeat within a scenario. */
export type Check = Readonly<z.infer<typeof checkSchema>[number]>;

export interface ScenarioResult {
  readonly scenario: string;
  /** Whether the revision demands it; the others are extensions, or newer than the revision. */
  readonly required: boolean;
  /** No check failed, and at least one was made. */
  readonly passed: boolean;
  readonly checks: readonly Check[];
}

const MAIN = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'));
const HOOK = new URL('./conformance/glob-sync-hook.mjs', import.meta.url).href;

/**
 * Runs the server scenarios of `@modelcontextprotocol/conformance` against the MCP endpoint `url`, in a process of its
 * own. Rejects when the suite itself cannot run; a failing scenario is a result.
 */
export async function runConformanceSuite(url: string, revision: Revision): Promise<ScenarioResult[]> {
  const directory = await mkdtemp(join(tmpdir(), 'mcp-conformance-'));
  try {
    const args = ['--import', HOOK, MAIN, 'server', '--url', url, '--requirements', revision, '-o', directory];
    const suite = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const [output, errors] = await Promise.all([text(suite.stdout), text(suite.stderr), once(suite, 'close')]);
    const names = [...output.matchAll(/^=== Running scenario: (\S+) ===$/gmu)].flatMap(([, name]) => name ?? []);
    if (names.length === 0) throw new Error(`the conformance suite did not run:\n${output}\n${errors}`);
    const notRequired = new Set(
      [...output.matchAll(/^ {2}\S (\S+) \((?:extension|added-after-release|pending)\)$/gmu)].map(([, name]) => name),
    );
    const files = await readdir(directory);
    return await Promise.all(
      names.map(async (scenario): Promise<ScenarioResult> => {
        const checks = await readChecks(directory, files, scenario);
        const passed =
          checks.some((check) => check.status === 'SUCCESS') && !checks.some((check) => check.status === 'FAILURE');
        return { scenario, required: !notRequired.has(scenario), passed, checks };
      }),
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A scenario that crashed leaves no file, and so no checks: it counts as failed. */
async function readChecks(directory: string, files: readonly string[], scenario: string): Promise<readonly Check[]> {
  const name = new RegExp(`^server-${scenario}-\\d{4}-\\d{2}-\\d{2}T[\\d-]+Z$`, 'u');
  const file = files.find((candidate) => name.test(candidate));
  if (file === undefined) return [];
  return checkSchema.parse(JSON.parse(await readFile(join(directory, file, 'checks.json'), 'utf8')));
}
