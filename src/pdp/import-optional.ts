/**
 * Imports a library that is installed only where it is wanted. Rejects with an `Error` for the author of the bundle when
 * it is missing or does not load.
 */
export async function importOptional<Library>(name: string, load: () => Promise<Library>): Promise<Library> {
  try {
    return await load();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    const why = missing ? `is not installed; add it with \`npm install ${name}\`` : 'does not load on this platform';
    throw new Error(`the package \`${name}\` ${why}`, { cause: error });
  }
}
