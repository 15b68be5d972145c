import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { readSecretSource, secretSource, type SecretScope } from '../../src/text/secret-source.ts';

const SECRET = 'hunter2';

describe('a secret source', () => {
  let scope: SecretScope;
  before(() => {
    const baseDirectory = mkdtempSync(join(tmpdir(), 'indelible-secret-'));
    scope = { baseDirectory, environment: { SET: SECRET, PADDED: ` ${SECRET}\n`, EMPTY: '' } };
    writeFileSync(join(baseDirectory, 'secret'), `\n ${SECRET} \r\n`);
    writeFileSync(join(baseDirectory, 'blank'), ' \n');
  });
  after(() => rmSync(scope.baseDirectory, { recursive: true }));

  const found: readonly (readonly [object, string])[] = [
    [{ kind: 'env_var', name: 'SET' }, SECRET],
    [{ kind: 'env_var', name: 'PADDED' }, ` ${SECRET}\n`],
    [{ kind: 'file', path: 'secret' }, SECRET],
    [{ kind: 'literal', secret: ` ${SECRET}` }, ` ${SECRET}`],
  ];
  for (const [config, secret] of found) {
    it(`is read from ${JSON.stringify(config)}, and does not show`, () => {
      const source = secretSource(config, scope);
      assert.equal(readSecretSource(source), secret);
      assert.doesNotMatch(inspect(source) + JSON.stringify(source), /hunter2/);
    });
  }

  const missing: readonly (readonly [unknown, string])[] = [
    [{ kind: 'env_var', name: 'UNSET' }, 'the environment variable `UNSET` is not set'],
    [{ kind: 'env_var', name: 'EMPTY' }, 'the environment variable `EMPTY` is empty'],
    [{ kind: 'env_var', name: 'constructor' }, 'the environment variable `constructor` is not set'],
    [{ kind: 'env_var', secret: SECRET }, 'the environment variable `` is not set'],
    [{ kind: 'file', path: 'nowhere' }, 'the file `nowhere` cannot be read'],
    [{ kind: 'file', path: '.' }, 'the file `.` cannot be read'],
    [{ kind: 'file', secret: SECRET }, 'the file `` cannot be read'],
    [{ kind: 'file', path: 'blank' }, 'the file `blank` is empty'],
    [{ kind: 'literal', secret: '' }, 'the secret is empty'],
    [{ kind: 'literal', name: 'SET' }, 'the secret is empty'],
    [{ kind: 'vault', secret: SECRET }, 'the secret has no known `kind`'],
    [{ secret: SECRET }, 'the secret has no known `kind`'],
    [SECRET, 'the secret has no known `kind`'],
    [null, 'the secret has no known `kind`'],
  ];
  for (const [config, message] of missing) {
    it(`is refused at load: ${inspect(config, { breakLength: Infinity })}`, () => {
      assert.throws(() => secretSource(config, scope), { message });
      assert.throws(() => secretSource(config, scope, 'token'), { message: `\`token\`: ${message}` });
    });
  }

  it('that is a file is read again at each use, and is refused when it is gone', () => {
    const path = join(scope.baseDirectory, 'rotated');
    writeFileSync(path, 'old');
    const source = secretSource({ kind: 'file', path: 'rotated' }, scope);
    writeFileSync(path, 'new\n');
    assert.equal(readSecretSource(source), 'new');
    writeFileSync(path, '\n');
    assert.throws(() => readSecretSource(source), { message: `the file \`${path}\` is empty` });
    rmSync(path);
    assert.throws(() => readSecretSource(source), { message: `the file \`${path}\` cannot be read` });
  });
});
