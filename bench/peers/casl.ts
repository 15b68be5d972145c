import { createMongoAbility, subject } from '@casl/ability';
import { factsOf, preparedPeer, type PreparedPeer } from './peer.ts';

/** `@casl/ability`, with the ability of the caller built beforehand. */
export function casl(): PreparedPeer {
  return preparedPeer({
    name: '@casl/ability',
    prepare(operation) {
      const { roles, permissions, labels, depth } = factsOf(operation);
      const ability = createMongoAbility([
        ...(roles.includes('hr') ? [{ action: 'call', subject: 'Tool' }] : []),
        { action: 'call', subject: 'Tool', inverted: true, conditions: { depth: { $gt: 2 } } },
        ...(permissions.includes('override')
          ? []
          : [{ action: 'call', subject: 'Tool', inverted: true, conditions: { labels: 'secret' } }]),
      ]);
      return { ability, tool: subject('Tool', { depth, labels: [...labels] }) };
    },
    allows: ({ ability, tool }) => ability.can('call', tool),
  });
}
