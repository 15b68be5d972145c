import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fastify, { type FastifyRequest } from 'fastify';
import { policyPlugin, type RoutePolicy } from '../../src/adapters/fastify.ts';
import { createEngine, loadBundle, renderText, type Subject } from '../../src/index.ts';

/** Stands for whatever authenticates the callers of an application. */
const SUBJECTS: Readonly<Record<string, Subject>> = {
  'Bearer hanna-token': { id: 'hanna', roles: ['hr'] },
  'Bearer emil-token': { id: 'emil', roles: ['engineer'] },
};
const subjectOf = (request: FastifyRequest): Subject => SUBJECTS[request.headers.authorization ?? ''] ?? {};

const TOOLS: Readonly<Record<string, () => object>> = {
  get_compensation: () => ({ name: 'Emil', salary: 88_000, ssn: '123-45-6789' }),
  send_email: () => ({ sent: true }),
};

/** The requests of this route are tool calls to policy: the path names the tool, the body holds the arguments. */
const tool: RoutePolicy<FastifyRequest> = {
  entity: ({ params }) => ({ type: 'tool', name: (params as { name: string }).name }),
};

const loaded = await loadBundle(fileURLToPath(new URL('policy.yaml', import.meta.url)));
if (!loaded.ok) throw new Error(renderText(loaded.diagnostics, { color: false }));
const engine = await createEngine(loaded.bundle);

const app = fastify();
await app.register(policyPlugin, { engine, extensions: (request) => ({ subject: subjectOf(request) }) });
app.post<{ Params: { name: string } }>('/tools/:name', { config: { policy: tool } }, (request, reply) =>
  reply.send(TOOLS[request.params.name]?.() ?? {}),
);
app.get('/reports', (_request, reply) => reply.send({ reports: [] }));
const url = await app.listen({ host: '127.0.0.1', port: 0 });

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
await app.close();
await engine.close();
