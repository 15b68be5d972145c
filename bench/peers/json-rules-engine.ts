import { Engine } from 'json-rules-engine';
import { factsOf, preparedPeer, type PreparedPeer } from './peer.ts';

/** `json-rules-engine`: a rule that allows; it only answers with promises. */
export function jsonRulesEngine(): PreparedPeer {
  const engine = new Engine();
  engine.addRule({
    conditions: {
      all: [
        { fact: 'roles', operator: 'contains', value: 'hr' },
        { fact: 'depth', operator: 'lessThanInclusive', value: 2 },
        {
          any: [
            { fact: 'labels', operator: 'doesNotContain', value: 'secret' },
            { fact: 'permissions', operator: 'contains', value: 'override' },
          ],
        },
      ],
    },
    event: { type: 'allow' },
  });
  return preparedPeer(
    {
      name: 'json-rules-engine',
      prepare: (operation) => ({ ...factsOf(operation) }),
      allows: async (facts) => (await engine.run(facts)).events.length > 0,
    },
    true,
  );
}
