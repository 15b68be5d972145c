// Packs the project, checks what is in the tarball, installs it into an empty folder and uses it from there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'indelible-package-'));
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], root));
  const files = packed.files.map(({ path }) => path);
  assert.ok(files.includes('dist/index.d.ts') && files.includes('schemas/bundle.schema.json'));
  assert.deepEqual(
    files.filter((path) => /^(src|test|fixtures|examples)\//.test(path)),
    [],
    'sources and tests stay out of the package',
  );
  const tarball = join(folder, packed.filename);
  run(join(root, 'node_modules/.bin/publint'), ['--strict', tarball], root);
  run(join(root, 'node_modules/.bin/attw'), [tarball, '--profile', 'esm-only', '--format', 'ascii'], root);

  const home = join(folder, 'home');
  writeFileSync(join(folder, 'policy.yaml'), 'routes:\n  - tool: pay\n    pre_invocation: [require(role.hr)]\n');
  run('mkdir', [home], folder);
  writeFileSync(join(home, 'package.json'), '{"type": "module", "private": true}');
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', tarball], home);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const cli = join(home, 'node_modules/.bin/indelible');
  assert.equal(run(cli, ['--version'], home).trim(), version);
  assert.match(run(cli, ['check', '../policy.yaml'], home), /ok, 1 route/);

  writeFileSync(
    join(home, 'use.ts'),
    `import { readdirSync } from 'node:fs';
import { createEngine, loadBundle, type Decision } from 'indelible';
import { createGateway } from 'indelible/gateway';
import { createGuard, type RoutePolicy } from 'indelible/express';
import { enforce } from 'indelible/mcp';
// Read in a thread and kept, then read from what was kept.
for (const worker of [true, false]) {
  const again = await loadBundle('../policy.yaml', { worker, cache: 'cache', alarm: refuse });
  if (!again.ok || readdirSync('cache').length !== 1) throw new Error('not kept');
}
function refuse(alarm: object): never {
  throw new Error(JSON.stringify(alarm));
}
const loaded = await loadBundle('../policy.yaml');
if (!loaded.ok) throw new Error('rejected');
const engine = await createEngine(loaded.bundle);
const decision: Decision = await engine.pre({ entity: { type: 'tool', name: 'pay' } });
if (decision.violation?.code !== 'routes.tool:pay.pre_invocation[0]') throw new Error(JSON.stringify(decision));
const route: RoutePolicy<object> = { entity: { type: 'tool', name: 'pay' } };
if (createGuard(engine)(route).length !== 3 || typeof enforce !== 'function') throw new Error('no adapters');
if (typeof createGateway !== 'function') throw new Error('no gateway');
await engine.close();
process.stdout.write(decision.decision);
`,
  );
  const compiler = join(root, 'node_modules/.bin/tsc');
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  run(compiler, ['--module', 'nodenext', '--target', 'es2022', '--strict', '--skipLibCheck', ...types, 'use.ts'], home);
  assert.equal(run(process.execPath, ['use.js'], home), 'deny');

  // Where no framework is installed, the adapters load all the same: they know frameworks by their types alone.
  const isAbsent = (name) => !existsSync(join(home, 'node_modules', name));
  assert.ok(['fastify', 'express', '@modelcontextprotocol/server'].every(isAbsent), 'peers are not installed');
  writeFileSync(
    join(home, 'adapters.js'),
    `import { createGuard } from 'indelible/express';
import { policyPlugin } from 'indelible/fastify';
import { enforce } from 'indelible/mcp';
process.stdout.write([createGuard, policyPlugin, enforce].map((made) => typeof made).join());
`,
  );
  assert.equal(run(process.execPath, ['adapters.js'], home), 'function,function,function');
  process.stdout.write(
    `package ${packed.filename}: ${files.length} files, ${Math.round(packed.unpackedSize / 1024)} KiB unpacked\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
  for (const name of readdirSync(root)) if (/^indelible-.*\.tgz$/.test(name)) rmSync(join(root, name));
}
