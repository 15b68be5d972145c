import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { POLICY, PORTS } from '../../examples/hr/company.ts';
import { startPolicyGateway, type PolicyGateway } from '../../examples/hr/gateway.ts';
import { startIssuer, type Issuer } from '../../examples/hr/issuer.ts';
import { listenOnLoopback } from '../../examples/hr/loopback-server.ts';
import { renderReports } from '../../examples/hr/render-reports.ts';
import { playScenario } from '../../examples/hr/scenario.ts';
import type { McpEndpoint } from '../../examples/hr/serve-mcp.ts';
import { startHrServer } from '../../examples/hr/server.ts';
import { loadBundle } from '../../src/index.ts';
import { post, startPeer, toolCall } from '../support/http-peer.ts';
import { createServer } from 'node:http';

let issuer: Issuer;
let server: McpEndpoint;
let folder: string;
let sockets = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-scenario-'));
  issuer = await startIssuer(0);
  server = await startHrServer(0, issuer.url);
});
after(async () => {
  await server.close();
  await issuer.close();
  await rm(folder, { recursive: true });
});

/** A gateway with the example's policy, but for the issuer's port and what `edit` changes. */
async function startEdited(
  edit: (policy: string) => string = (policy) => policy,
  { approvals, upstream = server.url }: { readonly approvals?: string; readonly upstream?: string } = {},
): Promise<PolicyGateway> {
  const written = await readFile(POLICY, 'utf8');
  const text = edit(written.replaceAll(`http://127.0.0.1:${PORTS.issuer}`, issuer.url));
  const load = { baseDirectory: dirname(POLICY) };
  return startPolicyGateway({
    policy: { name: POLICY, text },
    load,
    upstream,
    port: 0,
    ...(approvals && { approvals }),
  });
}

async function withGateway(
  use: (gateway: PolicyGateway, approvals: string) => Promise<void>,
  edit?: (policy: string) => string,
) {
  sockets += 1;
  const approvals = join(folder, `${sockets}.sock`);
  const gateway = await startEdited(edit, { approvals });
  try {
    await use(gateway, approvals);
  } finally {
    await gateway.close();
  }
}

describe('the HR example', () => {
  it('has a policy that loads without a remark', async () => {
    const loaded = await loadBundle(POLICY);
    assert.ok(loaded.ok);
    assert.deepEqual(loaded.diagnostics, []);
  });

  it('lets everybody do what they may, and nobody anything else', async () => {
    await withGateway(async ({ url }, approvals) => {
      const reports = await playScenario(url, issuer, approvals);
      assert.deepEqual(
        reports.filter(({ matches }) => !matches),
        [],
      );
      assert.ok(reports.length >= 38);
    });
  });

  it('notices everything that nobody refuses or hides when there is no gateway', async () => {
    const reports = await playScenario(server.url, issuer);
    for (const { expected, matches, call } of reports) {
      assert.equal(matches, expected.outcome === 'allowed' && expected.hidden === undefined, call);
    }
    assert.match(renderReports(reports), /get_bonus employee_id=E-100457 +failed +tool error/u);
    assert.match(renderReports(reports), /export_payroll +allowed +EXPECTED denied route\.unmatched\n/u);
  });

  const weakened: readonly [string, string | RegExp, readonly string[]][] = [
    ['the taint rule', /^.*taint\(secret.*$/mu, ['send_email to=partner@elsewhere.example']],
    ['redaction in lists', /^.*employees\[\*\]\.ssn.*$/mu, ['list_employees department=Engineering']],
    [
      'the exchange of tokens',
      /^.*delegate\(hr-token.*$/mu,
      ['get_bonus employee_id=E-100457', 'get_bonus employee_id=E-100457'],
    ],
    ['the check of an argument', / \| regex\('[^']*'\)/u, ['get_compensation employee_id=*']],
  ];
  for (const [what, text, calls] of weakened) {
    it(`notices when ${what} is taken out of the policy`, async () => {
      await withGateway(
        async ({ url }, approvals) => {
          const reports = await playScenario(url, issuer, approvals);
          const different = reports.filter(({ matches }) => !matches).map(({ call }) => call);
          assert.deepEqual(different, calls);
        },
        (policy) => {
          const edited = policy.replace(text, '');
          assert.notEqual(edited, policy);
          return edited;
        },
      );
    });
  }

  it('shows the HR server a token made for it, and never that of the caller', async () => {
    const upstream = await startPeer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}');
    });
    const gateway = await startEdited(undefined, { upstream: upstream.url });
    const own = await issuer.sign('henry');
    const headers = { authorization: `Bearer ${own}` };
    await post(gateway.url, toolCall(1, 'get_compensation', { employee_id: 'E-100457' }), headers);
    await post(gateway.url, toolCall(1, 'send_email', { to: 'payroll@acme.example' }), headers);
    await gateway.close();
    await upstream.close();
    const [lookup, mail] = upstream.requests.map((request) => request.headers.authorization);
    const keys = createRemoteJWKSet(new URL(`${issuer.url}/jwks.json`));
    const { payload } = await jwtVerify(lookup?.replace('Bearer ', '') ?? '', keys, { audience: 'hr-server' });
    const { sub, scope, act, roles } = payload;
    const expected = { sub: 'henry', scope: 'compensation.read', act: { sub: 'hr-gateway' }, roles: undefined };
    assert.deepEqual({ sub, scope, act, roles }, expected);
    assert.equal(mail, undefined);
    assert.ok(!JSON.stringify(upstream.requests).includes(own));
  });

  it('keeps the labels of a client without session with its subject', async () => {
    await withGateway(async ({ url }) => {
      const authProvider = { token: () => issuer.sign('henry') };
      const connect = async (): Promise<Client> => {
        const client = new Client({ name: 'stateless', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
        await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
        assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
        return client;
      };
      const mail = { name: 'send_email', arguments: { to: 'a@elsewhere.example', subject: 'Q3', body: '-' } };
      const first = await connect();
      const second = await connect();
      assert.notEqual((await second.callTool(mail)).isError, true);
      await first.callTool({ name: 'get_compensation', arguments: { employee_id: 'E-100457' } });
      await assert.rejects(second.callTool(mail), (error: unknown) => {
        assert.ok(error instanceof ProtocolError);
        assert.deepEqual((error.data as Record<string, unknown>)['violation'], 'mail.session_is_secret');
        return true;
      });
      await first.close();
      await second.close();
    });
  });

  it('says which port is taken', async () => {
    const taken = Number(new URL(issuer.url).port);
    const said = new RegExp(`^port ${taken}, which the .* needs, is taken: `, 'u');
    await assert.rejects(startIssuer(taken), { message: said });
    await assert.rejects(startHrServer(taken), { message: said });
    await assert.rejects(listenOnLoopback(createServer(), taken, 'third'), { message: said });
    await assert.rejects(startPolicyGateway({ policy: POLICY, upstream: server.url, port: taken }), { message: said });
  });

  it('says what is wrong with a policy', async () => {
    await assert.rejects(
      startEdited((policy) => policy.replace('pre_invocation:', 'pre_invocaton:')),
      /the policy was rejected\n[^]*policy\.yaml:\d+:\d+[^]*pre_invocation/u,
    );
  });
});
