import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadText } from '../support/engine.ts';

const CANARY = 'a-secret-that-no-message-holds';
const folder = await mkdtemp(join(tmpdir(), 'delegator-'));
await writeFile(join(folder, 'secret'), ` ${CANARY}\n`);
await writeFile(join(folder, 'empty'), '\n');
after(() => rm(folder, { recursive: true }));

const HTTPS = 'https://login.example.com/token';
const STEP = "delegate(exchange, audience: 'https://hr.example')";
const works = {
  token_endpoint: HTTPS,
  client_id: 'gateway',
  client_secret_source: { kind: 'env_var', name: 'SECRET' },
};

/** `code message` of what loading a bundle with a delegator reports. */
async function findings(
  config: object,
  step: unknown = STEP,
  capabilities = ['read_inbound_credentials'],
): Promise<readonly string[]> {
  const text = JSON.stringify({
    plugins: [{ name: 'exchange', kind: 'delegator/oauth', hooks: ['token.delegate'], capabilities, config }],
    routes: [{ tool: 't', pre_invocation: [step] }],
  });
  const loaded = await loadText(text, { environment: { SECRET: CANARY, EMPTY: '' }, baseDirectory: folder });
  if (loaded.ok) await loaded.bundle.close();
  const reported = loaded.diagnostics.map(({ code, message, help }) => `${code} ${message} ${help ?? ''}`.trimEnd());
  assert.ok(!JSON.stringify(reported).includes(CANARY));
  return reported;
}

describe('a config of delegator/oauth', () => {
  it('of an existing bundle loads without a remark', async () => {
    const config = {
      ...works,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      workload_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      timeout_seconds: 5,
      default_outbound_header: 'Authorization',
      insecure_http: false,
    };
    assert.deepEqual(await findings(config), []);
    const step = {
      delegate: {
        plugin: 'exchange',
        config: { audience: 'hr', target: 'hr', permissions: ['read'] },
        on_error: 'deny',
      },
    };
    assert.deepEqual(await findings(works, step), []);
  });

  const accepted: readonly (readonly [string, object])[] = [
    ['http to this machine', { token_endpoint: 'http://localhost:8080/token' }],
    ['http to this machine by address', { token_endpoint: 'http://127.0.0.1:8080/token?realm=a' }],
    ['http to this machine by its IPv6 address', { token_endpoint: 'http://[::1]/token' }],
    ['blanks around the endpoint', { token_endpoint: ` ${HTTPS} ` }],
    ['a secret in a file', { client_secret_source: { kind: 'file', path: 'secret' } }],
    ['a client without a secret', { client_secret_source: undefined, client_authentication: 'none' }],
  ];
  for (const [what, change] of accepted) {
    it(`may have ${what}`, async () => assert.deepEqual(await findings({ ...works, ...change }), []));
  }

  const doubted: readonly (readonly [string, object, RegExp])[] = [
    [
      'a secret in the bundle',
      { client_secret_source: { kind: 'literal', secret: CANARY } },
      /`client_secret_source` holds the secret itself use `kind: env_var`/,
    ],
    [
      'http to another machine',
      { token_endpoint: 'http://login.example.com/token', insecure_http: true },
      /in clear text use https/,
    ],
    ['no time', { timeout_seconds: 0 }, /every delegation denies/],
  ];
  for (const [what, change, message] of doubted) {
    it(`with ${what} is doubted`, async () => {
      const [doubt, ...more] = await findings({ ...works, ...change });
      assert.match(doubt ?? '', /^config\/plugin-doubt plugin `exchange`: /);
      assert.match(doubt ?? '', message);
      assert.deepEqual(more, []);
    });
  }

  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['no endpoint', { token_endpoint: undefined }, /token_endpoint/],
    ['a blank endpoint', { token_endpoint: ' ' }, /token_endpoint/],
    ['no client', { client_id: undefined }, /client_id/],
    ['a blank client', { client_id: ' ' }, /client_id/],
    ['an endpoint without a scheme', { token_endpoint: 'login.example.com/token' }, /is not an https URL/],
    ['another scheme', { token_endpoint: 'ftp://login.example.com/token' }, /is not an https URL/],
    ['http to another machine', { token_endpoint: 'http://login.example.com/token' }, /plain http to another machine/],
    [
      'http to a machine that looks like this one',
      { token_endpoint: 'http://127.0.0.1.example.com/' },
      /plain http to another machine/,
    ],
    [
      'credentials in the endpoint',
      { token_endpoint: `https://a:${CANARY}@login.example.com/token` },
      /holds credentials/,
    ],
    ['a fragment', { token_endpoint: `${HTTPS}#a` }, /has a fragment/],
    [
      'an unset variable',
      { client_secret_source: { kind: 'env_var', name: 'UNSET' } },
      /`client_secret_source`: the environment variable `UNSET` is not set$/,
    ],
    ['an empty variable', { client_secret_source: { kind: 'env_var', name: 'EMPTY' } }, /`EMPTY` is empty$/],
    ['a missing file', { client_secret_source: { kind: 'file', path: 'nowhere' } }, /`nowhere` cannot be read$/],
    ['an empty file', { client_secret_source: { kind: 'file', path: 'empty' } }, /the file `empty` is empty$/],
    ['an empty literal', { client_secret_source: { kind: 'literal', secret: '' } }, /`secret` must not be empty/],
    [
      'a source of another spelling',
      { client_secret_source: { kind: 'env', var: 'SECRET' } },
      /client_secret_source|`var`|`env`/,
    ],
    [
      'a source with the key of another kind',
      { client_secret_source: { kind: 'file', name: 'SECRET' } },
      /client_secret_source|path/,
    ],
    ['no secret', { client_secret_source: undefined }, /`client_secret_basic` needs `client_secret_source`/],
    ['a secret that is not used', { client_authentication: 'none' }, /`none` does not use `client_secret_source`/],
    [
      'no key',
      { client_authentication: 'private_key_jwt', client_secret_source: undefined },
      /needs `client_key_source`/,
    ],
    [
      'a key that is not used',
      { client_key_source: { kind: 'file', path: 'secret' } },
      /does not use `client_key_source`/,
    ],
    ['a key id that is not used', { client_key_id: 'a' }, /does not use `client_key_id`/],
    [
      'a key that is none',
      {
        client_authentication: 'private_key_jwt',
        client_secret_source: undefined,
        client_key_source: { kind: 'file', path: 'secret' },
      },
      /is no private key/,
    ],
    ['an unknown method', { client_authentication: 'client_secret_jwt' }, /client_authentication/],
    ['no header', { default_outbound_header: ' ' }, /default_outbound_header/],
    ['a header with a colon', { default_outbound_header: 'X-Token:' }, /cannot carry a credential/],
    ['a header that routes', { default_outbound_header: 'Host' }, /cannot carry a credential/],
    ['a header of the protocol', { default_outbound_header: 'Mcp-Session-Id' }, /cannot carry a credential/],
    ['an unknown key', { audiences: ['a'] }, /audiences/],
    ['a negative time', { timeout_seconds: -1 }, /timeout_seconds/],
    ['an endless cache', { cache_seconds: 1e9 }, /cache_seconds/],
  ];
  for (const [what, change, message] of refused) {
    it(`with ${what} is refused`, async () => {
      const reported = await findings({ ...works, ...change });
      assert.match(reported.join('\n'), message);
      assert.match(reported[0] ?? '', /^config\/(?:plugin-config|unknown-key) /);
    });
  }
});

describe('a `delegate` step for delegator/oauth', () => {
  const audience = "audience: 'https://hr.example'";
  const refused: readonly (readonly [string, RegExp])[] = [
    ['permissions: [read]', /needs an `audience`/],
    ["audience: ' '", /`audience` is not a text/],
    ['audience: 1', /`audience` is not a text/],
    [`${audience}, permission: [read]`, /no key `permission`; did you mean `permissions`/],
    [`${audience}, permissions: read`, /`permissions` is not a list/],
    [`${audience}, permissions: [1]`, /cannot be a scope/],
    [`${audience}, permissions: ['read write']`, /cannot be a scope/],
    [`${audience}, permissions: [[read]]`, /cannot be a scope/],
    [`${audience}, resource: hr`, /`resource` is not an absolute URI/],
    [`${audience}, resource: 'https://hr.example/#a'`, /`resource` is not an absolute URI/],
    [`${audience}, subject: constructor`, /`subject` is one of/],
    [`${audience}, actor: nobody`, /`actor` is one of/],
    [`${audience}, actor: gateway`, /`actor` is one of/],
    [`${audience}, subject: this_workload, actor: user`, /`actor` goes with/],
    [`${audience}, target: 1`, /`target` is not a text/],
  ];
  for (const [keys, message] of refused) {
    it(`is refused with \`${keys}\``, async () => {
      const [finding, ...more] = await findings(works, `delegate(exchange, ${keys})`);
      assert.match(finding ?? '', /^config\/delegate-step plugin `exchange`: /);
      assert.match(finding ?? '', message);
      assert.deepEqual(more, []);
    });
  }

  it('is doubted with keys that change nothing, and without the capability', async () => {
    const inert = await findings(works, `delegate(exchange, ${audience}, target_type: tool, auth_enforced_by: target)`);
    assert.deepEqual(inert, [
      'config/plugin-doubt plugin `exchange`: `target_type` changes nothing',
      'config/plugin-doubt plugin `exchange`: `auth_enforced_by` changes nothing',
    ]);
    const [blind] = await findings(works, STEP, []);
    assert.match(blind ?? '', /^config\/plugin-doubt .* always denies give the plugin the capability/);
    assert.deepEqual(await findings(works, `delegate(exchange, ${audience}, subject: this_workload)`, []), []);
  });
});
