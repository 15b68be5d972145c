/** What a question calls the operation that waits: `tool:give_raise`, with a scope `tool:eu/give_raise`. */
export function operationName(entity: {
  readonly type: string;
  readonly scope?: string;
  readonly name: string;
}): string {
  const { type, scope = '', name } = entity;
  return scope === '' ? `${type}:${name}` : `${type}:${scope}/${name}`;
}
