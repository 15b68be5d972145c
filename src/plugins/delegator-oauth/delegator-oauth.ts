import { hash } from 'node:crypto';
import { mayCarryCredential } from '../../engine/credential-header.ts';
import type { InboundCredential } from '../../engine/inbound-credential.ts';
import type { DelegateInput, DelegateOutcome, Plugin, PluginEntryContext, PluginWarning } from '../../engine/plugin.ts';
import type { ArgumentMap } from '../../language/ast.ts';
import { secretSource } from '../../text/secret-source.ts';
import { definePlugin } from '../define-plugin.ts';
import { AuthorizationServer, AuthorizationServerError } from '../oauth-client/authorization-server.ts';
import { clientAuthentication } from '../oauth-client/client-authentication.ts';
import { endpointUrl, isCleartext } from '../endpoint-url.ts';
import { lintSecret } from '../lint-secret.ts';
import { DEFAULTS, delegatorOAuthConfigSchema } from './config.ts';
import type { DelegatorOAuthConfig } from './config.ts';
import { INERT_KEYS, readDelegateStep } from './delegate-step.ts';
import type { DelegateStep } from './delegate-step.ts';
import { DelegationError, OF_THE_CALLER, delegationFailure, denied } from './failures.ts';
import type { DelegationFailure } from './failures.ts';
import { claimsOf, expiryOf, readGrant } from './grant.ts';
import type { Grant, GrantRules } from './grant.ts';
import { GrantCache } from './grant-cache.ts';
import { exchangeToken } from './token-exchange.ts';
import type { InboundTokens, TokenExchangeSettings } from './token-exchange.ts';

function exchangeSettings(config: Readonly<DelegatorOAuthConfig>, context: PluginEntryContext): TokenExchangeSettings {
  const endpoint = endpointUrl(config.token_endpoint, config.insecure_http ?? false, 'token_endpoint').href;
  const { client_secret_source: secret, client_key_source: key } = config;
  return {
    server: new AuthorizationServer((config.timeout_seconds ?? DEFAULTS.timeoutSeconds) * 1000),
    metadata: { issuer: config.issuer ?? endpoint, token_endpoint: endpoint },
    client: { client_id: config.client_id },
    authentication: clientAuthentication({
      method: config.client_authentication ?? 'client_secret_basic',
      secret: secret && secretSource(secret, context, 'client_secret_source'),
      key: key && secretSource(key, context, 'client_key_source'),
      keyId: config.client_key_id,
    }),
    subjectTokenType: config.subject_token_type ?? DEFAULTS.subjectTokenType,
    actorTokenType: config.actor_token_type ?? DEFAULTS.actorTokenType,
    workloadAssertionType: config.workload_assertion_type ?? DEFAULTS.workloadAssertionType,
  };
}

/** The credentials of the step's principals. Throws `DelegationError` when one is missing or has ended. */
function inboundTokens(step: DelegateStep, credentials: readonly InboundCredential[], now: number): InboundTokens {
  const tokenOf = (role: DelegateStep['subject']): string => {
    const token = credentials.find((credential) => credential.role === role)?.token;
    if (token === undefined || token === '') throw new DelegationError('delegation.bad_request');
    if ((expiryOf(claimsOf(token)) ?? Infinity) <= now) throw new DelegationError('delegation.subject_expired');
    return token;
  };
  return {
    subject: step.subject === 'this_workload' ? '' : tokenOf(step.subject),
    actor: step.actor && tokenOf(step.actor),
  };
}

/** One sum for all that decides about a token: nobody gets what was minted for another credential or another target. */
function cacheKey(step: DelegateStep, { subject, actor }: InboundTokens): string {
  const permissions = step.permissions.toSorted();
  const parts = [step.subject, subject, step.actor, actor, step.audience, step.resource, permissions];
  return hash('sha256', JSON.stringify(parts.map((part) => part ?? null)), 'base64');
}

function create(config: Readonly<DelegatorOAuthConfig>, context: PluginEntryContext): Plugin {
  const header = config.default_outbound_header ?? DEFAULTS.outboundHeader;
  if (!mayCarryCredential(header)) throw new Error('`default_outbound_header` cannot carry a credential');
  const settings = exchangeSettings(config, context);
  const rules: GrantRules = {
    issuer: config.issuer,
    acceptNarrowerScopes: config.accept_narrower_scopes ?? false,
    toleratedScopes: new Set(config.tolerated_scopes ?? DEFAULTS.toleratedScopes),
    toleratedAudiences: new Set(config.tolerated_audiences),
    asBearer: header.toLowerCase() === 'authorization',
  };
  const { now } = context;
  const cache = new GrantCache({ maxAgeMs: (config.cache_seconds ?? DEFAULTS.cacheSeconds) * 1000, now });
  let actorChecked = false;

  const alarmUnattributed = (grant: Grant): void => {
    if (actorChecked || grant.claims === undefined) return;
    actorChecked = true;
    if ((grant.claims['act'] ?? null) !== null) return;
    context.alarm({ alarm: 'delegation_unattributed', plugin: context.name });
  };

  const mint = async (step: DelegateStep, inbound: InboundTokens, signal: AbortSignal): Promise<Grant> => {
    const answer = await exchangeToken(settings, step, inbound, signal);
    const grant = readGrant(answer, step, rules, now());
    if (inbound.actor !== undefined) alarmUnattributed(grant);
    return grant;
  };

  const fail = (code: DelegationFailure, step: DelegateStep, cause?: AuthorizationServerError): DelegateOutcome => {
    if (!OF_THE_CALLER.has(code) && cause?.failure !== 'cancelled') {
      const { status, error } = cause ?? {};
      const target = step.target ?? step.audience;
      context.alarm({ alarm: 'delegation_failed', plugin: context.name, code, target, status, error });
    }
    return denied(code);
  };

  return {
    async delegate({ config: keys, credentials }: DelegateInput, { signal }) {
      const step = readDelegateStep(keys);
      try {
        const inbound = inboundTokens(step, credentials, now());
        const run = (flight: AbortSignal): Promise<Grant> => mint(step, inbound, flight);
        const grant = await cache.get(cacheKey(step, inbound), run, signal);
        return {
          outcome: 'granted',
          token: grant.token,
          header,
          audience: step.audience,
          permissions: grant.permissions,
          expiresAt: grant.expiresAt,
        };
      } catch (error) {
        if (error instanceof DelegationError) return fail(error.code, step);
        if (error instanceof AuthorizationServerError) return fail(delegationFailure(error), step, error);
        throw error;
      }
    },
    checkDelegate: (keys) => checkStep(keys, context),
    async close() {
      cache.clear();
      await settings.server.close();
    },
  };
}

function checkStep(keys: ArgumentMap, { capabilities }: PluginEntryContext): readonly PluginWarning[] {
  const { subject } = readDelegateStep(keys);
  const warnings: PluginWarning[] = INERT_KEYS.filter((key) => keys[key] !== undefined).map((key) => ({
    message: `\`${key}\` changes nothing`,
  }));
  if (subject !== 'this_workload' && !capabilities.has('read_inbound_credentials')) {
    warnings.push({
      message: 'it may not see the credential that it is to exchange, so this step always denies',
      help: 'give the plugin the capability `read_inbound_credentials`',
    });
  }
  return warnings;
}

function lint(config: Readonly<DelegatorOAuthConfig>): readonly PluginWarning[] {
  const warnings = [
    ...lintSecret(config.client_secret_source, 'client_secret_source'),
    ...lintSecret(config.client_key_source, 'client_key_source'),
  ];
  if (isCleartext(new URL(config.token_endpoint.trim()))) {
    warnings.push({ message: 'tokens and secrets go to `token_endpoint` in clear text', help: 'use https' });
  }
  if (config.timeout_seconds === 0) {
    warnings.push({ message: '`timeout_seconds: 0` leaves no time to answer, so every delegation denies' });
  }
  return warnings;
}

/**
 * Mints credentials for upstreams at an OAuth token endpoint: token exchange (RFC 8693) for a caller's credential, client
 * credentials for this workload itself.
 */
export const delegatorOAuth = definePlugin<DelegatorOAuthConfig>({
  kind: 'delegator/oauth',
  configSchema: delegatorOAuthConfigSchema,
  hooks: ['token.delegate'],
  create,
  lint,
});
