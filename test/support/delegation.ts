import type { Decision } from '../../src/engine/decision.ts';
import type { InboundCredential } from '../../src/engine/inbound-credential.ts';
import { withHiddenToken } from '../../src/engine/hidden-token.ts';
import type { PolicyEngine } from '../../src/engine/policy-engine.ts';
import type { Alarm } from '../../src/session/label-store.ts';
import { call, engineOf } from './engine.ts';
import { TOKEN_EXCHANGE, startIdentityProvider } from './identity-provider.ts';
import type { IdentityProvider, IdentityProviderOptions } from './identity-provider.ts';

/** Audiences that the identity provider has tokens for. */
export const GATEWAY = 'https://gateway.example';
export const HR = 'https://hr.example';
export const PAYROLL = 'https://payroll.example';

export const SECRET = 'the-secret-of-the-gateway';

/** An identity provider with the client `gateway`, who may exchange tokens, and `clients` besides. */
export function startDelegationProvider(clients: IdentityProviderOptions['clients'] = []): Promise<IdentityProvider> {
  const grants = { grant_types: ['client_credentials', TOKEN_EXCHANGE] };
  return startIdentityProvider({
    clients: [
      { client_id: 'gateway', client_secret: SECRET, ...grants },
      ...clients.map((client) => ({ ...grants, ...client })),
    ],
    resources: { [GATEWAY]: [], [HR]: ['read', 'write'], [PAYROLL]: ['read', 'pay'] },
  });
}

export interface DelegatorOptions {
  /** Over a config that works; undefined takes a key away. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Rules of the tool `t`. */
  readonly rules?: readonly unknown[];
  /** Over the plugin's entry. */
  readonly entry?: Readonly<Record<string, unknown>>;
  /** Keys of the tool's route besides its rules. */
  readonly route?: Readonly<Record<string, unknown>>;
  /** `plugin_settings`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly baseDirectory?: string;
}

/** An engine whose tool `t` delegates through the plugin `exchange`. */
export interface Delegator {
  readonly engine: PolicyEngine;
  readonly alarms: Alarm[];
  /** Unix milliseconds; move it to let time pass for the plugin. */
  readonly clock: { now: number };
  /** `pre` with the credentials given; a text is the user's. */
  readonly run: (credentials?: string | readonly InboundCredential[]) => Promise<Decision>;
  readonly close: () => Promise<void>;
}

/** The text of a bundle with a delegator in front of `provider`. */
export function delegatorBundle(provider: IdentityProvider, options: DelegatorOptions = {}): string {
  const { config = {}, rules = [`delegate(exchange, audience: '${HR}', permissions: [read])`], entry = {} } = options;
  return JSON.stringify({
    ...(options.settings === undefined ? {} : { plugin_settings: options.settings }),
    plugins: [
      {
        name: 'exchange',
        kind: 'delegator/oauth',
        hooks: ['token.delegate'],
        capabilities: ['read_inbound_credentials'],
        config: {
          token_endpoint: provider.tokenEndpoint,
          client_id: 'gateway',
          client_secret_source: { kind: 'env_var', name: 'SECRET' },
          ...config,
        },
        ...entry,
      },
    ],
    routes: [{ tool: 't', pre_invocation: rules, ...options.route }],
  });
}

export async function delegator(provider: IdentityProvider, options: DelegatorOptions = {}): Promise<Delegator> {
  const alarms: Alarm[] = [];
  const clock = { now: Date.now() };
  const { environment = { SECRET }, baseDirectory } = options;
  const engine = await engineOf(delegatorBundle(provider, options), {
    environment,
    alarm: (raised) => void alarms.push(raised),
    now: () => clock.now,
    ...(baseDirectory === undefined ? {} : { baseDirectory }),
  });
  return {
    engine,
    alarms,
    clock,
    run: async (credentials = []) =>
      engine.pre(
        call('t', {
          credentials: typeof credentials === 'string' ? [credential('user', credentials)] : credentials,
        }),
      ),
    close: () => engine.close(),
  };
}

export function credential(role: InboundCredential['role'], token: string): InboundCredential {
  return withHiddenToken({ role, header: role === 'user' ? 'authorization' : `x-${role}` }, token);
}

/** A token of `account` for the gateway. */
export function userToken(provider: IdentityProvider, account = 'ann', expiresIn?: number): Promise<string> {
  return provider.mint({
    account,
    client: 'gateway',
    audience: GATEWAY,
    ...(expiresIn === undefined ? {} : { expiresIn }),
  });
}

/** The token that a decision takes upstream; fails when there is not exactly one. */
export function mintedToken({ delegatedTokens, violation }: Decision): string {
  const [minted, ...more] = delegatedTokens ?? [];
  if (minted === undefined || more.length > 0) throw new Error(`not one token: ${violation?.code ?? 'allowed'}`);
  return minted.token;
}
