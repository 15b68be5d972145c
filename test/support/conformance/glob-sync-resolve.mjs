const shim = `data:text/javascript,${encodeURIComponent(
  `import fs from 'node:fs'; export * from 'node:fs'; export const globSync = fs.globSync ?? (() => []);`,
)}`;

export function resolve(specifier, context, next) {
  const fromSuite = context.parentURL?.includes('/@modelcontextprotocol/conformance/');
  return specifier === 'fs' && fromSuite ? { url: shim, shortCircuit: true } : next(specifier, context);
}
