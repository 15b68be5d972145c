import { createMongoAbility, subject } from '@casl/ability';
import type { Operation } from '../../src/engine/operation.ts';
import { factsOf, preparedPeer, type PreparedPeer } from './peer.ts';

/**
 * `@casl/ability`: one ability for the whole policy, its conditions matched against the facts of the request. An ability
 * that knows no callers cannot be asked about plain facts, so the subject is made of them for each request.
 */
export function casl(): PreparedPeer {
  const ability = wholePolicy();
  return preparedPeer({
    name: '@casl/ability',
    prepare: factsOf,
    allows: (facts) => ability.can('call', subject('Tool', { ...facts })),
  });
}

/** The same ability, asked about a subject that is there already. */
export function caslOfSubjects(): PreparedPeer {
  const ability = wholePolicy();
  return preparedPeer({
    name: '@casl/ability, subject made beforehand',
    judged: false,
    prepare: subjectOf,
    allows: (tool) => ability.can('call', tool),
  });
}

/** An ability of the caller alone: roles and permissions are decided on beforehand, which is less than the same work. */
export function caslOfCallers(): PreparedPeer {
  return preparedPeer({
    name: '@casl/ability, roles and permissions decided beforehand',
    judged: false,
    prepare(operation) {
      const { roles, permissions } = factsOf(operation);
      const ability = createMongoAbility([
        ...(roles.includes('hr') ? [{ action: 'call', subject: 'Tool' }] : []),
        { action: 'call', subject: 'Tool', inverted: true, conditions: { depth: { $gt: 2 } } },
        ...(permissions.includes('override')
          ? []
          : [{ action: 'call', subject: 'Tool', inverted: true, conditions: { labels: 'secret' } }]),
      ]);
      return { ability, tool: subjectOf(operation) };
    },
    allows: ({ ability, tool }) => ability.can('call', tool),
  });
}

function wholePolicy(): ReturnType<typeof createMongoAbility> {
  const secret = { labels: 'secret', permissions: { $ne: 'override' } };
  return createMongoAbility([
    { action: 'call', subject: 'Tool', conditions: { roles: 'hr' } },
    { action: 'call', subject: 'Tool', inverted: true, conditions: { depth: { $gt: 2 } } },
    { action: 'call', subject: 'Tool', inverted: true, conditions: secret },
  ]);
}

function subjectOf(operation: Operation): ReturnType<typeof subject<'Tool', ReturnType<typeof factsOf>>> {
  return subject('Tool', { ...factsOf(operation) });
}
