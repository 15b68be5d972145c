import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { factsOf, preparedPeer, type PreparedPeer } from './peer.ts';

const NAME = 'standard request';
const SCOPE = '(principal, action == Action::"call", resource == Tool::"get_compensation")';
const POLICIES = {
  role: `permit ${SCOPE} when { context.roles.contains("hr") };`,
  depth: `forbid ${SCOPE} when { context.depth > 2 };`,
  secret: `forbid ${SCOPE} when { context.labels.contains("secret") && !context.permissions.contains("override") };`,
};

/** `@cedar-policy/cedar-wasm`: policies parsed beforehand, no entities to look up, one call a decision. */
export function cedar(): PreparedPeer {
  if (preparsePolicySet(NAME, { staticPolicies: POLICIES }).type === 'failure')
    throw new Error('policies do not parse');
  return preparedPeer({
    name: '@cedar-policy/cedar-wasm',
    prepare(operation) {
      const { roles, permissions, labels, depth } = factsOf(operation);
      return {
        principal: { type: 'User', id: operation.extensions?.subject?.id ?? 'anonymous' },
        action: { type: 'Action', id: 'call' },
        resource: { type: 'Tool', id: 'get_compensation' },
        context: { roles: [...roles], permissions: [...permissions], labels: [...labels], depth },
        preparsedPolicySetId: NAME,
        entities: [],
      };
    },
    allows(request) {
      const answer = statefulIsAuthorized(request);
      if (answer.type === 'failure' || answer.response.diagnostics.errors.length > 0) throw new Error('no answer');
      return answer.response.decision === 'allow';
    },
  });
}
