import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { renderJson, renderText } from '../../src/diagnostics/render.ts';
import { displayWidth } from '../../src/diagnostics/visible-text.ts';
import type { Source } from '../../src/text/source.ts';

/** A diagnostic over `part` of `text`. */
function diagnosticOn(text: string, part: string, more: Partial<Diagnostic> = {}): Diagnostic {
  const source: Source = { name: 'policy.yaml', text };
  const start = text.indexOf(part);
  assert.notEqual(start, -1);
  const span = { source, start, end: start + part.length };
  return { code: 'config/unknown-key', severity: 'error', span, message: 'a message', ...more };
}

function frame(text: string, part: string): readonly string[] {
  return renderText([diagnosticOn(text, part)], { color: false })
    .split('\n')
    .slice(1, -1);
}

describe('renderText', () => {
  it('prints place, severity, code, message, source line, help and related places', () => {
    const text = 'global:\n  apl:\n    args: {}\nroutes:\n  - tool: pay\n    session_store: {kind: valkey}\n';
    const source: Source = { name: 'policy.yaml', text };
    const start = text.indexOf('session_store');
    const first = { source, start: 10, end: 13 };
    const diagnostic: Diagnostic = {
      code: 'config/unknown-key',
      severity: 'warning',
      span: { source, start, end: start + 13 },
      message: 'key `session_store` has no effect here',
      help: 'move it to `global`',
      related: [{ span: first, note: 'the layer that is read' }],
    };
    assert.equal(
      renderText([diagnostic], { color: false }),
      `policy.yaml:6:5 warning config/unknown-key  key \`session_store\` has no effect here
  6 |     session_store: {kind: valkey}
    |     ^^^^^^^^^^^^^
    = help: move it to \`global\`
    = see: policy.yaml:2:3 the layer that is read
`,
    );
  });

  it('prints nothing for no diagnostics', () => {
    assert.equal(renderText([], { color: false }), '');
  });

  it('prints no source line of a source that could not be read', () => {
    const source: Source = { name: 'gone.yaml', text: '' };
    const diagnostic: Diagnostic = {
      code: 'config/unreadable',
      severity: 'error',
      span: { source, start: 0, end: 0 },
      message: 'gone',
    };
    assert.equal(renderText([diagnostic], { color: false }), 'gone.yaml:1:1 error config/unreadable  gone\n');
  });

  it('underlines what follows tabs and wide characters', () => {
    assert.deepEqual(frame('\ta: 日本e\u0301 pay # x', 'pay'), [
      '  1 |     a: 日本e\u0301 pay # x',
      '    |              ^^^',
    ]);
    assert.deepEqual(frame('😀 日本', '日本'), ['  1 | 😀 日本', '    |    ^^^^']);
  });

  it('marks an empty span with one caret, at the end of a line as well', () => {
    assert.deepEqual(frame('a: b\r\nc', ''), ['  1 | a: b', '    | ^']);
    assert.deepEqual(frame('a: b\r\nc', '\r\n'), ['  1 | a: b', '    |     ^']);
    assert.deepEqual(frame('a: b\nc', '\n'), ['  1 | a: b', '    |     ^']);
  });

  it('shows the first and the last line of a longer span', () => {
    assert.deepEqual(frame('a: [1,\n  2,\n  3] # x', '[1,\n  2,\n  3]'), [
      '  1 | a: [1,',
      '    |    ^^^',
      '  3 |   3] # x',
      '    |   ^^',
    ]);
  });

  it('cuts a long line to what surrounds the span', () => {
    const [line = '', carets = ''] = frame(`${'x'.repeat(100_000)} pay ${'y'.repeat(100_000)}`, 'pay');
    assert.ok(line.length < 140);
    assert.match(line, /^ {2}1 \| …x+ pay y+…$/);
    assert.equal(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1), 'pay');
  });

  it('never cuts a character in half', () => {
    for (const pad of ['', 'x']) {
      const [line = ''] = frame(`${pad}${'😀'.repeat(300)}pay${pad}${'😀'.repeat(300)}`, 'pay');
      assert.match(line, /…(?:😀)+payx?(?:😀)+…$/u);
    }
  });

  it('paints only with colours', () => {
    const painted = renderText([diagnosticOn('a: b', 'b', { help: 'h' })], { color: true });
    const esc = String.fromCodePoint(0x1b);
    assert.ok(painted.includes(`${esc}[1;31m^${esc}[0m`));
    assert.equal(
      painted.replaceAll(new RegExp(`${esc}\\[[0-9;]*m`, 'g'), ''),
      renderText([diagnosticOn('a: b', 'b', { help: 'h' })], { color: false }),
    );
  });

  it('lets nothing through that controls a terminal, and puts the carets under the span', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(text, text, text, text, (before, part, after, message) => {
        const source: Source = { name: `${message}.yaml`, text: before + part + after };
        const span = { source, start: before.length, end: before.length + part.length };
        const rendered = renderText(
          [
            {
              code: 'config/syntax',
              severity: 'error',
              span,
              message,
              help: message,
              related: [{ span, note: message }],
            },
          ],
          { color: false },
        );
        // oxlint-disable-next-line no-control-regex -- these are what must not be there
        assert.doesNotMatch(rendered, /[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
        for (const line of rendered.split('\n')) assert.ok(displayWidth(line) < 1000);
      }),
    );
  });
});

describe('renderJson', () => {
  it('gives lines and columns from 1 and leaves out what there is not', () => {
    assert.deepEqual(renderJson([diagnosticOn('a:\n  b', 'b')]), [
      {
        severity: 'error',
        code: 'config/unknown-key',
        message: 'a message',
        file: 'policy.yaml',
        line: 2,
        column: 3,
        endLine: 2,
        endColumn: 4,
      },
    ]);
  });

  it('matches the schema of `check --format json`', () => {
    const schema: unknown = JSON.parse(readFileSync('schemas/diagnostics.schema.json', 'utf8'));
    const ajv = new Ajv2020({ strict: true, allErrors: true, ownProperties: true, strictRequired: false });
    assert.ok(typeof schema === 'object' && schema !== null);
    const validate = ajv.compile(schema);
    const bare = diagnosticOn('a: b', 'b');
    const full = { ...bare, path: '/a', help: 'h', related: [{ span: bare.span, note: 'n' }] };
    const output = {
      ok: false,
      diagnostics: renderJson([bare, full]),
      summary: { routes: 1, plugins: 0, unmatched: { tool: 'deny', http: 'allow' } },
    };
    assert.ok(validate(output), JSON.stringify(validate.errors));
    const [first] = output.diagnostics;
    for (const wrong of [
      { ...output, more: 1 },
      { ...output, diagnostics: [{ ...first, extra: 1 }] },
      { ...output, diagnostics: [{ ...first, line: 0 }] },
      { ...output, diagnostics: [{ ...first, severity: 'note' }] },
      { ...output, summary: { routes: [] } },
      { ...output, summary: { unmatched: { tool: 'ask' } } },
      { ok: true, diagnostics: [] },
    ]) {
      assert.equal(validate(wrong), false, JSON.stringify(wrong));
    }
  });
});
