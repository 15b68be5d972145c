import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { loadBundle } from '../../src/index.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

const HTTP = `
hanna /reports: allowed
emil /reports: denied reports.hr_only
emil /tools/get_compensation: denied routes.tool:get_compensation.pre_invocation[0]
hanna /tools/send_email: allowed
hanna /tools/get_compensation: denied routes.tool:get_compensation.args.employee_id
hanna /tools/get_compensation: allowed
hanna /tools/send_email: denied mail.secret
hanna /tools/delete_everything: denied route.unmatched
`;
const MCP = `
guest get_compensation: denied routes.tool:get_compensation.pre_invocation[0]
guest handbook://contacts: allowed
hr send_email: allowed
hr get_compensation: allowed
hr send_email: denied mail.secret
hr delete_everything: denied route.unmatched
`;

describe('the examples of the adapters', () => {
  for (const [name, expected] of [
    ['fastify', HTTP],
    ['express', HTTP],
    ['mcp-server', MCP],
  ] as const) {
    it(`${name} comes out as expected`, async () => {
      const loaded = await loadBundle(`${root}/examples/${name}/policy.yaml`);
      assert.deepEqual(loaded.diagnostics, []);
      const main = [`examples/${name}/main.ts`, '--', '--once'];
      const { stdout } = await run(process.execPath, ['--import', 'tsx', ...main], { cwd: root });
      const outcomes = stdout.replaceAll(/(allowed|denied) .*/g, (line, outcome: string) => {
        const violation = /"violation":"([^"]+)"/.exec(line)?.[1];
        return violation === undefined ? outcome : `${outcome} ${violation}`;
      });
      assert.equal(outcomes.trim(), expected.trim());
      assert.doesNotMatch(stdout, /123-45-6789|hanna@example/);
    });
  }
});
