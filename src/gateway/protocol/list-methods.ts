import type { Extensions, RoutedEntityType } from '../../engine/operation.ts';

/** A request for a list whose answer is to hold only what its sender might be allowed to use. */
export interface Listing {
  readonly method: ListMethod;
  /** Who asks, as identified for what is no operation. */
  readonly extensions: Extensions;
}

/** The member of the result that holds the entries, the member of an entry that names it, and what it names. */
export const LISTS = {
  'tools/list': { entries: 'tools', name: 'name', type: 'tool' },
  'prompts/list': { entries: 'prompts', name: 'name', type: 'prompt' },
  'resources/list': { entries: 'resources', name: 'uri', type: 'resource' },
} as const satisfies Readonly<Record<string, { entries: string; name: string; type: RoutedEntityType }>>;

export type ListMethod = keyof typeof LISTS;

export function isListMethod(method: string): method is ListMethod {
  return Object.hasOwn(LISTS, method);
}
