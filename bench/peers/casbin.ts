import { newEnforcer, newModelFromString } from 'casbin';
import { factsOf, preparedPeer, type PreparedPeer } from './peer.ts';

const MODEL = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = role, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.obj == p.obj && r.act == p.act && holds(r.sub, p.role) && r.sub.depth <= 2 && cleared(r.sub)
`;

/** `casbin`, attribute based, with its synchronous enforcer. */
export async function casbin(): Promise<PreparedPeer> {
  const enforcer = await newEnforcer(newModelFromString(MODEL));
  await enforcer.addPolicy('hr', 'get_compensation', 'call');
  type Subject = ReturnType<typeof factsOf>;
  await enforcer.addFunction('holds', ({ roles }: Subject, role: string) => roles.includes(role));
  await enforcer.addFunction(
    'cleared',
    ({ labels, permissions }: Subject) => !labels.includes('secret') || permissions.includes('override'),
  );
  return preparedPeer({
    name: 'casbin',
    prepare: factsOf,
    allows: (facts) => enforcer.enforceSync(facts, 'get_compensation', 'call'),
  });
}
