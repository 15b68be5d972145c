import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Decision, JsonValue, Operation } from '../../src/index.ts';
import { loadedEngine, refusals } from '../support/loaded-engine.ts';

const SSN = '536-90-4399';
const CARD = '4111 1111 1111 1111';
const CALLER = { subject: { id: 'ada' }, agent: { session_id: 's1' } };

interface Entry {
  /** In YAML flow. */
  readonly config?: string;
  readonly entry?: string;
  readonly route?: string;
}

function bundle({ config = '{}', entry = '', route = 'tool: send' }: Entry): string {
  return `
plugins:
  - name: scan
    kind: validator/pii-scan
    hooks: [cmf.tool_pre_invoke, cmf.tool_post_invoke]
    config: ${config}
${entry === '' ? '' : `    ${entry}\n`}routes:
  - {${route}}
`;
}

function send(args: JsonValue): Operation {
  return { entity: { type: 'tool', name: 'send' }, args, extensions: CALLER };
}

async function pre(entry: Entry, args: JsonValue): Promise<Decision & { readonly alarms: readonly object[] }> {
  const { engine, alarms } = await loadedEngine(bundle(entry));
  const decision = await engine.pre(send(args));
  await engine.close();
  return { ...decision, alarms };
}

async function post(entry: Entry, result: JsonValue): Promise<Decision> {
  const { engine } = await loadedEngine(bundle(entry));
  const operation = send({ id: 7 });
  assert.equal((await engine.pre(operation)).decision, 'allow');
  const decision = await engine.post(operation, result);
  await engine.close();
  return decision;
}

function violationOf({ violation }: Decision): readonly [string, string] | null {
  return violation && [violation.code, violation.reason];
}

const found = (detector: string): readonly [string, string] => [
  'pii.detected',
  `personal data was found by the detector \`${detector}\``,
];

describe('validator/pii-scan denies', () => {
  const places: readonly (readonly [string, JsonValue])[] = [
    ['a top-level string', { text: `it is ${SSN}` }],
    ['a nested map', { to: { person: { id: SSN } } }],
    ['a list', { people: [['x'], [SSN]] }],
    ['the name of a member', { [SSN]: true }],
    ['arguments that are no map', [SSN]],
    ['look-alike digits and dashes', { text: '５３６‑９０‑４３９９' }],
  ];
  for (const [place, args] of places) {
    it(`what it finds in ${place}`, async () => {
      assert.deepEqual(violationOf(await pre({}, args)), found('ssn'));
    });
  }

  it('numbers, whether or not JavaScript holds them exactly', async () => {
    assert.deepEqual(violationOf(await pre({}, { card: 4111111111111111 })), found('credit_card'));
    assert.deepEqual(violationOf(await pre({}, { card: 4000000000000000006n })), found('credit_card'));
  });

  it('results, parsed from text or not, and the value is in nothing it says', async () => {
    for (const result of [{ rows: [{ note: `card ${CARD}` }] }, JSON.stringify([{ note: CARD }])]) {
      const decision = await post({}, result);
      assert.deepEqual(violationOf(decision), found('credit_card'));
      assert.ok(!JSON.stringify(decision.violation).includes('4111'));
    }
  });

  it('by each detector, named as in the config', async () => {
    const finds = {
      ssn: SSN,
      credit_card: CARD,
      email: 'ada@example.com',
      phone: '+44 20 7946 0958',
      iban: 'DE89 3704 0044 0532 0130 00',
      ip_address: '192.168.17.4',
    };
    for (const [kind, text] of Object.entries(finds)) {
      assert.deepEqual(violationOf(await pre({ config: `{detect: [{kind: ${kind}}]}` }, { text })), found(kind));
    }
  });

  it('what a custom pattern matches, folded or as it is', async () => {
    const config =
      "{detect: [{kind: custom, name: badge, regex: 'EMP-\\d{4}'}, {kind: custom, name: sign, regex: '№\\d+'}]}";
    assert.deepEqual(violationOf(await pre({ config }, { text: 'badge EMP-1234' })), found('badge'));
    assert.deepEqual(violationOf(await pre({ config }, { text: 'ＥＭＰ‐１２３４' })), found('badge'));
    assert.deepEqual(violationOf(await pre({ config }, { text: '№42' })), found('sign'));
    assert.equal((await pre({ config }, { text: `EMP-12 ${SSN}` })).decision, 'allow');
  });

  it('neither what is no card or number of the scheme, nor what no detector was asked for', async () => {
    const clean = { time: 1763800000000, card: '4111 1111 1111 1112', id: '000-12-3456', mail: 'ada@example.com' };
    const decision = await pre({}, clean);
    assert.equal(decision.decision, 'allow');
    assert.equal(decision.args, clean);
  });

  it('in both phases without `hooks`', async () => {
    const { engine } = await loadedEngine(bundle({}).replace(/ {4}hooks: .*\n/, ''));
    assert.equal((await engine.pre(send({ text: SSN }))).decision, 'deny');
    const operation = send({});
    await engine.pre(operation);
    assert.equal((await engine.post(operation, SSN)).decision, 'deny');
    await engine.close();
  });

  it('as a step and on a field', async () => {
    const step = "tool: send, authorization: {pre_invocation: ['run(scan)']}";
    assert.deepEqual(violationOf(await pre({ route: step }, { text: SSN })), found('ssn'));
    const stage = "tool: send, args: {text: 'str | plugin(scan)'}";
    assert.deepEqual(violationOf(await pre({ route: stage }, { text: SSN, other: 1 })), found('ssn'));
    assert.equal((await pre({ route: stage }, { text: 'fine', other: SSN })).decision, 'allow');
  });

  it('what stands at the end of a long list', async () => {
    const list = Array.from({ length: 200_000 }, (_, index) => index);
    assert.equal((await pre({}, { list })).decision, 'allow');
    assert.deepEqual(violationOf(await pre({}, { list: [...list, SSN] })), found('ssn'));
  });

  it('and a pattern that drives other engines out of time is matched in linear time', async () => {
    const config = "{detect: [{kind: custom, name: slow, regex: '^(a+)+$'}]}";
    assert.equal((await pre({ config }, { text: `${'a'.repeat(20_000)}!` })).decision, 'allow');
  });
});

describe('validator/pii-scan redacts', () => {
  const config = '{mode: redact}';

  it('the findings and nothing else', async () => {
    const args = { text: `pay ${CARD} for ${SSN}.`, list: [{ keep: 'me' }, SSN], n: 4111111111111111, [SSN]: 1 };
    const decision = await pre({ config }, args);
    assert.equal(decision.decision, 'allow');
    assert.deepEqual(decision.modified, { args: true, result: false });
    assert.deepEqual(decision.args, {
      text: 'pay [PII] for [PII].',
      list: [{ keep: 'me' }, '[PII]'],
      n: '[PII]',
      '[PII]': 1,
    });
  });

  it('results', async () => {
    const decision = await post({ config }, { rows: [{ ssn: SSN, name: 'Ada' }] });
    assert.deepEqual(decision.result, { rows: [{ ssn: '[PII]', name: 'Ada' }] });
    assert.deepEqual(decision.modified, { args: false, result: true });
  });

  it('the field it is called on', async () => {
    const route = "tool: send, args: {text: 'str | plugin(scan)'}";
    const decision = await pre({ config, route }, { text: `it is ${SSN}`, other: SSN });
    assert.deepEqual(decision.args, { text: 'it is [PII]', other: SSN });
  });

  it('so that a second look finds nothing', async () => {
    const { engine } = await loadedEngine(bundle({ config }));
    const { engine: strict } = await loadedEngine(bundle({}));
    const part = fc.constantFrom(SSN, CARD, '4111', '-', ' ', 'x', '536-90-');
    const text = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 4 }), async (texts) => {
        const redacted = await engine.pre(send(texts));
        assert.equal((await strict.pre(send(redacted.args ?? null))).decision, 'allow');
      }),
      { numRuns: 200 },
    );
    await engine.close();
    await strict.close();
  });
});

describe('validator/pii-scan labels and reports', () => {
  it('labels the session PII, once found, in the phase that found it', async () => {
    const entry = 'capabilities: [append_labels]';
    const { engine } = await loadedEngine(bundle({ config: '{mode: taint}', entry }));
    const clean = send({ text: 'fine' });
    assert.deepEqual([...(await engine.pre(clean)).labels], []);
    assert.deepEqual([...(await engine.post(clean, { note: SSN })).labels], ['PII']);
    assert.deepEqual([...(await engine.pre(send({ text: 'later' }))).labels], ['PII']);
    await engine.close();
  });

  it('in mode audit raises an alarm with the names of the detectors and allows', async () => {
    const decision = await pre({ config: '{mode: audit}' }, { a: `${CARD} ${SSN}` });
    assert.equal(decision.decision, 'allow');
    const alarm = { alarm: 'pii_found', plugin: 'scan', hook: 'cmf.tool_pre_invoke', entity: 'send' };
    assert.deepEqual(decision.alarms, [{ ...alarm, detectors: 'credit_card, ssn' }]);
  });

  it('as a plugin without a say reports what it would have denied', async () => {
    const decision = await pre({ entry: 'mode: audit' }, { a: SSN });
    assert.equal(decision.decision, 'allow');
    assert.equal(decision.alarms.length, 1);
  });
});

describe('a bundle with validator/pii-scan loads only when it can do its work', () => {
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ['taint without the capability', bundle({ config: '{mode: taint}' }), 'config/plugin-config', /`append_labels`/],
    [
      'redact in a mode that may change nothing',
      bundle({ config: '{mode: redact}', entry: 'mode: concurrent' }),
      'config/plugin-config',
      /mode `concurrent` may not/,
    ],
    [
      'a pattern that does not compile',
      bundle({ config: "{detect: [{kind: custom, name: bad, regex: '(a'}]}" }),
      'config/plugin-config',
      /`regex` of `bad` does not compile/,
    ],
    [
      'a pattern of another syntax',
      bundle({ config: "{detect: [{kind: custom, name: back, regex: '(a)\\1'}]}" }),
      'config/plugin-config',
      /`regex` of `back` does not compile/,
    ],
    [
      'a pattern without a name',
      bundle({ config: '{detect: [{kind: custom, regex: a}]}' }),
      'config/plugin-config',
      /name/,
    ],
    ['a pattern on a detector', bundle({ config: '{detect: [{kind: ssn, regex: a}]}' }), 'config/unknown-key', /regex/],
    ['an unknown detector', bundle({ config: '{detect: [{kind: passport}]}' }), 'config/plugin-config', /passport/],
    ['a detector by its bare name', bundle({ config: '{detect: [ssn]}' }), 'config/plugin-config', /map/],
    ['nothing to look for', bundle({ config: '{detect: []}' }), 'config/plugin-config', /detect/],
    ['an unknown key', bundle({ config: '{patterns: []}' }), 'config/unknown-key', /patterns/],
    ['an unknown mode', bundle({ config: '{mode: mask}' }), 'config/plugin-config', /mask/],
    [
      'a hook without anything to scan',
      bundle({}).replace('cmf.tool_post_invoke', 'cmf.http_request'),
      'config/unknown-hook',
      /do not serve/,
    ],
  ];
  for (const [name, text, code, message] of cases) {
    it(name, async () => {
      const [first] = await refusals(text);
      assert.ok(first);
      assert.equal(first[0], code);
      assert.match(first[2], message);
    });
  }
});
