import type { Path, Predicate } from '../language/ast.ts';
import type { AttributeScope } from './attributes.ts';
import type { Frame } from './frame.ts';
import { compilePredicate, pathsOf } from './predicates.ts';

/** What is known of an operation before there is one. `frame` has no arguments, labels, session or HTTP request. */
export interface Prospect {
  readonly frame: Frame;
  /** Whether the operation will come with the identity that the frame has. */
  readonly identified: boolean;
}

/** Undefined when the answer hangs on what is not known yet. */
export type PredicateForecast = (prospect: Prospect) => boolean | undefined;

/** What an attribute hangs on: nothing but the bundle and the entity, the caller's identity, or anything more. */
export type Certainty = 'settled' | 'identity' | 'open';

/** Attributes that are settled or hang on the identity; those with members listed only as far as these go. */
const KNOWN: Readonly<Record<string, { readonly certainty: Certainty; readonly members?: readonly string[] }>> = {
  data: { certainty: 'settled' },
  route: { certainty: 'settled', members: ['key'] },
  meta: { certainty: 'settled', members: ['entity_type', 'entity_name'] },
  subject: { certainty: 'identity' },
  role: { certainty: 'identity' },
  perm: { certainty: 'identity' },
  team: { certainty: 'identity' },
  claim: { certainty: 'identity' },
  authenticated: { certainty: 'identity' },
  client: { certainty: 'identity' },
  caller_workload: { certainty: 'identity' },
  delegated: { certainty: 'identity' },
  delegation: { certainty: 'identity', members: ['depth', 'delegated', 'origin_subject_id', 'actor_subject_id'] },
};

/** A predicate in three values: an open part is decided only where the other parts already decide the whole. */
export function forecastPredicate(predicate: Predicate, scope: AttributeScope): PredicateForecast {
  switch (predicate.kind) {
    case 'or':
      return combined(predicate.operands, true, scope);
    case 'and':
      return combined(predicate.operands, false, scope);
    case 'not': {
      const operand = forecastPredicate(predicate.operand, scope);
      return (prospect) => {
        const holds = operand(prospect);
        return holds === undefined ? undefined : !holds;
      };
    }
    case 'truthy':
    case 'exists':
    case 'compare':
    case 'contains':
    case 'in': {
      const certainty = certaintyOf(pathsOf(predicate));
      if (certainty === 'open') return () => undefined;
      const holds = compilePredicate(predicate, scope);
      return (prospect) => (isKnown(certainty, prospect) ? holds(prospect.frame) : undefined);
    }
  }
}

export function isKnown(certainty: Certainty, { identified }: Prospect): boolean {
  return certainty === 'settled' || (certainty === 'identity' && identified);
}

/** That of the least certain path, the paths in brackets included. */
export function certaintyOf(paths: readonly Path[]): Certainty {
  let least: Certainty = 'settled';
  for (const path of paths) {
    const lookups = path.segments.flatMap((segment) => (segment.kind === 'lookup' ? [segment.path] : []));
    for (const certainty of [certaintyOfPath(path), certaintyOf(lookups)]) {
      if (certainty === 'open') return 'open';
      if (certainty === 'identity') least = 'identity';
    }
  }
  return least;
}

function certaintyOfPath({ segments }: Path): Certainty {
  const [root, member] = segments;
  const known = root?.kind === 'name' && Object.hasOwn(KNOWN, root.text) ? KNOWN[root.text] : undefined;
  if (known === undefined) return 'open';
  if (known.members === undefined) return known.certainty;
  return member !== undefined && member.kind !== 'lookup' && known.members.includes(member.text)
    ? known.certainty
    : 'open';
}

/** `or` with `decisive` true, `and` with false. */
function combined(operands: readonly Predicate[], decisive: boolean, scope: AttributeScope): PredicateForecast {
  const forecasts = operands.map((operand) => forecastPredicate(operand, scope));
  return (prospect) => {
    let open = false;
    for (const forecast of forecasts) {
      const holds = forecast(prospect);
      if (holds === decisive) return decisive;
      open ||= holds === undefined;
    }
    return open ? undefined : !decisive;
  };
}
