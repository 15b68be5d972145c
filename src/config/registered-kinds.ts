import type { DecisionPointKind } from '../engine/decision-point.ts';
import type { PluginKind } from '../engine/plugin.ts';
import { authzen } from '../pdp/authzen.ts';
import { cedarDirect } from '../pdp/cedar/cedar-direct.ts';
import { cel } from '../pdp/cel/cel.ts';
import { opa } from '../pdp/opa/opa.ts';
import { auditLogger } from '../plugins/audit-logger/audit-logger.ts';
import { elicitationCiba } from '../plugins/elicitation-ciba/elicitation-ciba.ts';
import { elicitationLocal } from '../plugins/elicitation-local/elicitation-local.ts';
import { elicitationMcp } from '../plugins/elicitation-mcp/elicitation-mcp.ts';
import { delegatorOAuth } from '../plugins/delegator-oauth/delegator-oauth.ts';
import { elicitationWebhook } from '../plugins/elicitation-webhook/elicitation-webhook.ts';
import { identityJwt } from '../plugins/identity-jwt/identity-jwt.ts';
import { piiScan } from '../plugins/pii-scan/pii-scan.ts';
import type { SessionStoreFactory } from '../session/label-store.ts';
import type { LoadOptions } from './load-options.ts';
import { BUILT_IN_SESSION_STORES } from './wiring.ts';

/** Every kind that a bundle may name. */
export interface RegisteredKinds {
  readonly plugins: readonly PluginKind[];
  readonly decisionPoints: readonly DecisionPointKind[];
  readonly sessionStores: readonly SessionStoreFactory[];
}

const BUILT_IN_PLUGINS: readonly PluginKind[] = [
  identityJwt,
  delegatorOAuth,
  elicitationCiba,
  elicitationLocal,
  elicitationMcp,
  elicitationWebhook,
  auditLogger,
  piiScan,
];

const BUILT_IN_DECISION_POINTS: readonly DecisionPointKind[] = [authzen, cedarDirect, cel, opa];

/** The host's kinds before those of the package, so that a host can replace one. */
export function registeredKinds(
  options: Pick<LoadOptions, 'plugins' | 'decisionPoints' | 'sessionStores'>,
): RegisteredKinds {
  return {
    plugins: [...(options.plugins ?? []), ...BUILT_IN_PLUGINS],
    decisionPoints: [...(options.decisionPoints ?? []), ...BUILT_IN_DECISION_POINTS],
    sessionStores: [...(options.sessionStores ?? []), ...BUILT_IN_SESSION_STORES],
  };
}
