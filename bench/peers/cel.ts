import { celEnv, celList, parse, plan } from '@bufbuild/cel';
import { factsOf, preparedPeer, type PreparedPeer } from './peer.ts';

/** The policy of the standard request in the Common Expression Language. */
export const POLICY = `'hr' in roles && !(depth > 2.0) && !('secret' in labels && !('override' in permissions))`;

/** `@bufbuild/cel`, one expression planned beforehand, its lists made beforehand too. */
export function cel(): PreparedPeer {
  const decide = plan(celEnv(), parse(POLICY));
  return preparedPeer({
    name: '@bufbuild/cel',
    prepare(operation) {
      const { roles, permissions, labels, depth } = factsOf(operation);
      return { roles: celList(roles), permissions: celList(permissions), labels: celList(labels), depth };
    },
    allows: (facts) => decide(facts) === true,
  });
}
