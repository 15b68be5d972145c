import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Report } from '../diagnostics/report.ts';
import { entryOf, type DocumentNode } from '../text/document.ts';
import { stringOf } from './policy-terms.ts';

/** Where secrets come from at load. */
export interface SecretScope {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly baseDirectory: string;
}

/**
 * The secret that `{kind: env_var, name}`, `{kind: file, path}` or `{kind: literal, secret}` stands for. A file's
 * content is trimmed. Undefined when it cannot be had or is empty, which is reported without its value.
 */
export function readSecret(node: DocumentNode, scope: SecretScope, report: Report): string | undefined {
  if (node.kind !== 'map') return undefined;
  const member = (key: string): string => stringOf(entryOf(node, key)?.value) ?? '';
  const fail = (what: string): undefined => {
    report.add('config/secret', node.span, what);
    return undefined;
  };
  switch (member('kind')) {
    case 'env_var': {
      const value = scope.environment[member('name')];
      return value ? value : fail(`the environment variable \`${member('name')}\` is not set`);
    }
    case 'file': {
      const path = member('path');
      try {
        const value = readFileSync(resolve(scope.baseDirectory, path), 'utf8').trim();
        return value === '' ? fail(`the file \`${path}\` is empty`) : value;
      } catch {
        return fail(`the file \`${path}\` cannot be read`);
      }
    }
    case 'literal':
      return member('secret') || fail('the secret is empty');
    default:
      return undefined;
  }
}
