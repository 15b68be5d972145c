/**
 * `fields` with a `token` that is read by name only: `JSON.stringify`, `util.inspect`, a logger or a spread pass over it.
 * Hand the object on as it is; a copy made by spreading has no token.
 */
export function withHiddenToken<Fields extends object>(
  fields: Fields,
  token: string,
): Readonly<Fields & { token: string }> {
  const credential = { ...fields, token };
  Object.defineProperty(credential, 'token', { enumerable: false });
  return Object.freeze(credential);
}
