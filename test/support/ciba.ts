import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors } from 'oidc-provider';
import type { LoadOptions } from '../../src/config/load-options.ts';
import type { Decision } from '../../src/engine/decision.ts';
import type { JsonValue, Operation, Subject } from '../../src/engine/operation.ts';
import { createEngine, type PolicyEngine } from '../../src/engine/policy-engine.ts';
import type { Alarm } from '../../src/session/label-store.ts';
import type { TransportStorage } from '../../src/transport/transport-storage.ts';
import { alarms, bundleOf, call, outcomeOf } from './engine.ts';
import { startIdentityProvider, type IdentityProvider } from './identity-provider.ts';

export const SECRET = 'the-secret-of-the-gateway';
export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba';

/** What a backchannel request asked for. */
export interface BackchannelRequest {
  readonly id: string;
  readonly account: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** An OpenID provider that asks people on their phones, which the test holds. */
export interface CibaProvider extends IdentityProvider {
  readonly backchannelEndpoint: string;
  /** In order. */
  readonly asked: readonly BackchannelRequest[];
  /** The person says yes; `authTime` in Unix seconds. */
  approve(request: BackchannelRequest, how?: { readonly acr?: string; readonly authTime?: number }): Promise<void>;
  refuse(request: BackchannelRequest): Promise<void>;
}

const PEOPLE: Readonly<Record<string, string>> = { eve: 'u-eve', ann: 'u-ann' };

export async function startCibaProvider(): Promise<CibaProvider> {
  const asked: BackchannelRequest[] = [];
  const provider = await startIdentityProvider({
    clients: [
      {
        client_id: 'gateway',
        client_secret: SECRET,
        grant_types: [CIBA_GRANT],
        backchannel_token_delivery_mode: 'poll',
        require_auth_time: true,
      },
    ],
    accounts: { 'u-eve': { preferred_username: 'eve' }, 'u-ann': { preferred_username: 'ann' } },
    configuration: {
      claims: { openid: ['sub', 'preferred_username'], acr: null, auth_time: null },
      conformIdTokenClaims: false,
      acrValues: ['urn:mfa'],
    },
    features: {
      ciba: {
        enabled: true,
        deliveryModes: ['poll'],
        processLoginHint: (_, hint) => PEOPLE[String(hint)],
        verifyUserCode: () => undefined,
        validateBindingMessage: () => undefined,
        validateRequestContext: () => undefined,
        triggerAuthenticationDevice: (ctx, request, account) => {
          asked.push({ id: request.jti, account: account.accountId, parameters: { ...ctx.oidc.params } });
        },
      },
    },
  });
  return {
    ...provider,
    backchannelEndpoint: `${provider.issuer}/backchannel`,
    asked,
    approve: async ({ id, account }, how = {}) => {
      const request = await provider.provider.BackchannelAuthenticationRequest.find(id);
      if (request === undefined) throw new Error('there is no such request');
      const grant = new provider.provider.Grant({ clientId: String(request.clientId), accountId: account });
      grant.addOIDCScope('openid');
      grant.addOIDCClaims(['acr', 'auth_time']);
      await grant.save();
      await provider.provider.backchannelResult(request, grant, {
        authTime: how.authTime ?? Math.floor(Date.now() / 1000),
        ...(how.acr === undefined ? {} : { acr: how.acr }),
      });
    },
    refuse: ({ id }) => provider.provider.backchannelResult(id, new errors.AccessDenied()),
  };
}

export interface CibaOptions {
  /** Over a config that works; undefined takes a key away. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly rule?: string;
  readonly storage?: TransportStorage;
  readonly now?: () => number;
  readonly load?: LoadOptions;
}

export const ANN: Subject = { id: 'u-ann', issuer: 'https://login.test', claims: { preferred_username: 'ann' } };
const RULE = "require_approval(phone, from: 'eve', purpose: 'Pay ${args.amount} to ${args.to}, now!', timeout: 2m)";

/** An engine whose tool `t` asks on the phone. */
export interface CibaEngine {
  readonly engine: PolicyEngine;
  readonly alarms: readonly Alarm[];
  pre(args?: JsonValue, rest?: Omit<Operation, 'entity' | 'args'>): Promise<Decision>;
  /** What comes of the call with the id of a question. */
  retry(id: string): Promise<string>;
  close(): Promise<void>;
}

export async function cibaEngine(provider: CibaProvider, options: CibaOptions = {}): Promise<CibaEngine> {
  const config = {
    backchannel_endpoint: provider.backchannelEndpoint,
    token_endpoint: provider.tokenEndpoint,
    client_id: 'gateway',
    client_secret_source: { kind: 'env_var', name: 'SECRET' },
    ...options.config,
  };
  const text = JSON.stringify({
    plugins: [{ name: 'phone', kind: 'elicitation/ciba', hooks: ['elicit'], config }],
    routes: [{ tool: 't', pre_invocation: [options.rule ?? RULE] }],
  });
  const { raised, alarm } = alarms();
  const clock = options.now === undefined ? {} : { now: options.now };
  const bundle = await bundleOf(text, { environment: { SECRET }, alarm, ...clock, ...options.load });
  if (options.storage !== undefined) bundle.transport.storage = options.storage;
  const engine = await createEngine(bundle, { alarm, ...clock });
  const pre: CibaEngine['pre'] = (args = { amount: 12, to: 'bob' }, rest = {}) =>
    Promise.resolve(engine.pre(call('t', { args, extensions: { subject: ANN }, ...rest })));
  return {
    engine,
    alarms: raised,
    pre,
    retry: async (id) => outcomeOf(await pre(undefined, { elicitation: { id } })),
    close: () => engine.close(),
  };
}

/** Answers requests of the path in place of the provider; the others go through. */
export function answeringAt(
  provider: CibaProvider,
  path: string,
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): () => void {
  const handle = provider.provider.callback();
  provider.intercept((request, response) => {
    if (request.url === path) respond(request, response);
    else void handle(request, response);
  });
  return () => provider.intercept(undefined);
}
