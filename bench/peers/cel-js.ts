import { Environment } from '@marcbachmann/cel-js';
import { POLICY } from './cel.ts';
import { factsOf, preparedPeer, type PreparedPeer } from './peer.ts';

/** `@marcbachmann/cel-js`, one expression parsed beforehand. */
export function celJs(extra = 0): PreparedPeer {
  const more = Array.from(
    { length: extra },
    (_, index) => ` && !(department == 'closed-${index}' && amount > ${index}.0)`,
  );
  const environment = new Environment()
    .registerVariable('roles', 'list<string>')
    .registerVariable('permissions', 'list<string>')
    .registerVariable('labels', 'list<string>')
    .registerVariable('depth', 'double')
    .registerVariable('department', 'string')
    .registerVariable('amount', 'double');
  const decide = environment.parse(POLICY + more.join(''));
  return preparedPeer({
    name: extra === 0 ? '@marcbachmann/cel-js' : `@marcbachmann/cel-js, ${extra + 4} rules`,
    prepare: (operation) => ({ ...factsOf(operation), department: 'people', amount: 0 }),
    allows: (facts) => decide(facts) === true,
  });
}
