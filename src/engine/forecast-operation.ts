import type { Bundle } from './bundle.ts';
import type { Prospect } from './forecast-predicate.ts';
import type { Forecast } from './forecast.ts';
import type { Frame } from './frame.ts';
import type { Entity } from './operation.ts';
import type { PluginHandle } from './plugin-handle.ts';
import { programFor, type Program } from './program.ts';
import { foldConstraints, isConflict } from './restrict.ts';
import { routeKey, type Route } from './route-table.ts';

export const NOTHING_SURE: Forecast = Object.freeze({ refused: false, constraint: null });
const REFUSED: Forecast = Object.freeze({ refused: true, constraint: null });

/**
 * What is sure about the operation of `frame`, whose identity was established for `identifiedFor`. Where other identity
 * plugins may be asked for the operation itself, its identity is open.
 */
export function forecastOperation(bundle: Bundle, frame: Frame, identifiedFor: Entity): Forecast {
  const { entity } = frame.operation;
  const known = [identifiedFor, entity].flatMap((each) => {
    const routes = bundle.routes.possible(each, { frame, identified: false });
    return routes.map((route) => programOf(bundle, route, each).authentication);
  });
  const prospect = { frame, identified: known.every((plugins) => sameMembers(plugins, known[0] ?? [])) };
  const forecasts = bundle.routes.possible(entity, prospect).map((route) => {
    frame.routeKey = route && routeKey(route, entity);
    frame.routeMeta = route?.meta;
    return forecastProgram(programOf(bundle, route, entity), prospect);
  });
  const [only] = forecasts;
  if (only !== undefined && forecasts.length === 1) return only;
  return forecasts.every(({ refused }) => refused) ? REFUSED : NOTHING_SURE;
}

function forecastProgram({ forecasts, unmatched }: Program, prospect: Prospect): Forecast {
  const { frame } = prospect;
  frame.forgetConstraints();
  if (unmatched !== undefined || forecasts.some((denies) => denies(prospect))) return REFUSED;
  const folded = foldConstraints(frame.constraints ?? []);
  if (isConflict(folded)) return REFUSED;
  return folded === null ? NOTHING_SURE : { refused: false, constraint: folded };
}

function programOf(bundle: Bundle, route: Route | undefined, { type, tags }: Entity): Program {
  return programFor(route ?? bundle.unmatched[type], tags);
}

function sameMembers(a: readonly PluginHandle[], b: readonly PluginHandle[]): boolean {
  return a === b || (a.length === b.length && a.every((plugin, i) => plugin === b[i]));
}
