import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { createGuard } from '../../src/adapters/express.ts';
import { createEngine, loadBundle, renderText, type Subject } from '../../src/index.ts';

/** Stands for whatever authenticates the callers of an application. */
const SUBJECTS: Readonly<Record<string, Subject>> = {
  'Bearer hanna-token': { id: 'hanna', roles: ['hr'] },
  'Bearer emil-token': { id: 'emil', roles: ['engineer'] },
};
const subjectOf = (request: express.Request): Subject => SUBJECTS[request.headers.authorization ?? ''] ?? {};

const TOOLS: Readonly<Record<string, () => object>> = {
  get_compensation: () => ({ name: 'Emil', salary: 88_000, ssn: '123-45-6789' }),
  send_email: () => ({ sent: true }),
};

const loaded = await loadBundle(fileURLToPath(new URL('policy.yaml', import.meta.url)));
if (!loaded.ok) throw new Error(renderText(loaded.diagnostics, { color: false }));
const engine = await createEngine(loaded.bundle);

const app = express();
const guard = createGuard<express.Request>(engine, { extensions: (request) => ({ subject: subjectOf(request) }) });
// The requests of this route are tool calls to policy: the path names the tool, the body holds the arguments.
const tool = guard({ entity: ({ params }) => ({ type: 'tool', name: String(params['name']) }) });
app.post('/tools/:name', express.json(), tool, (request, response) => {
  response.json(TOOLS[String(request.params['name'])]?.() ?? {});
});
app.use(guard());
app.get('/reports', (_request, response) => {
  response.json({ reports: [] });
});
const server = createServer(app);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('no port');
const url = `http://127.0.0.1:${address.port}`;

async function show(who: string, path: string, body?: object): Promise<void> {
  const response = await fetch(url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${who}-token`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  process.stdout.write(`${who} ${path}: ${response.ok ? 'allowed' : 'denied'} ${await response.text()}\n`);
}

const employee = { employee_id: 'E-100457' };
await show('hanna', '/reports');
await show('emil', '/reports');
await show('emil', '/tools/get_compensation', employee);
await show('hanna', '/tools/send_email', { to: 'x@example.com' });
await show('hanna', '/tools/get_compensation', { employee_id: '*' });
await show('hanna', '/tools/get_compensation', employee);
await show('hanna', '/tools/send_email', { to: 'x@example.com' });
await show('hanna', '/tools/delete_everything', {});

if (!process.argv.includes('--once')) {
  process.stdout.write(`serving at ${url} until you press Ctrl+C\n`);
  await once(process, 'SIGINT');
}
server.close();
server.closeAllConnections();
await engine.close();
