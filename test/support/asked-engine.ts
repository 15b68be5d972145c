import assert from 'node:assert/strict';
import type { LoadOptions } from '../../src/config/load-options.ts';
import type { Decision } from '../../src/engine/decision.ts';
import type { JsonValue, Operation, Subject } from '../../src/engine/operation.ts';
import type { ElicitInput, ElicitOutcome } from '../../src/engine/plugin.ts';
import { createEngine, type PolicyEngine } from '../../src/engine/policy-engine.ts';
import type { Alarm } from '../../src/session/label-store.ts';
import type { TransportStorage } from '../../src/transport/transport-storage.ts';
import { alarms, bundleOf, call, outcomeOf, testKind } from './engine.ts';

export const ANN: Subject = { id: 'ann', issuer: 'https://idp.test', claims: { manager: 'eve', email: 'ann@test' } };
export const PLACE = 'routes.tool:t.pre_invocation[0]';

/** What a plugin answers when it puts a question, and when it looks for the answer. */
export interface Script {
  put?: (input: ElicitInput) => unknown;
  look?: (input: ElicitInput) => unknown;
}

export interface AskedOptions {
  readonly script?: Script;
  /** More entries of the bundle. */
  readonly rest?: Readonly<Record<string, unknown>>;
  readonly route?: Readonly<Record<string, unknown>>;
  readonly storage?: TransportStorage;
  readonly load?: LoadOptions;
}

/** An engine whose route `t` asks humans, with a plugin `h` that says what its script says. */
export class AskedEngine {
  readonly engine: PolicyEngine;
  readonly inputs: ElicitInput[];
  readonly raised: readonly Alarm[];
  readonly clock: { now: number };
  readonly #reload: (text: string) => Promise<void>;
  readonly text: string;

  private constructor(fields: Pick<AskedEngine, 'engine' | 'inputs' | 'raised' | 'clock' | 'text'>, load: LoadOptions) {
    Object.assign(this, fields);
    this.engine = fields.engine;
    this.inputs = fields.inputs;
    this.raised = fields.raised;
    this.clock = fields.clock;
    this.text = fields.text;
    this.#reload = async (text) => this.engine.reload(await bundleOf(text, load));
  }

  static async of(steps: string | readonly unknown[], options: AskedOptions = {}): Promise<AskedEngine> {
    const clock = { now: 1_700_000_000_000 };
    const inputs: ElicitInput[] = [];
    const { script = {} } = options;
    const elicit = (input: ElicitInput): ElicitOutcome => {
      inputs.push(input);
      const say = input.state === undefined ? script.put : script.look;
      return (say?.(input) ?? { outcome: 'pending', state: { ref: 1 } }) as ElicitOutcome;
    };
    const text = JSON.stringify({
      plugin_settings: { routing_enabled: true, plugin_timeout: 1 },
      plugins: [{ name: 'h', kind: 'test' }],
      routes: [
        {
          tool: 't',
          pre_invocation: typeof steps === 'string' ? [steps, 'taint(after)'] : steps,
          response: { status: 403 },
          ...options.route,
        },
        { tool: 'u', pre_invocation: typeof steps === 'string' ? [steps] : steps },
      ],
      ...options.rest,
    });
    const { raised, alarm } = alarms();
    const load: LoadOptions = {
      plugins: [testKind({ h: { elicit }, g: { elicit } })],
      now: () => clock.now,
      alarm,
      ...options.load,
    };
    const bundle = await bundleOf(text, load);
    if (options.storage !== undefined) bundle.transport.storage = options.storage;
    const engine = await createEngine(bundle, { now: () => clock.now, alarm });
    return new AskedEngine({ engine, inputs, raised, clock, text }, load);
  }

  reload(text: string): Promise<void> {
    return this.#reload(text);
  }

  pre(args: JsonValue = { amount: 5 }, rest: Omit<Operation, 'entity' | 'args'> = {}, tool = 't'): Promise<Decision> {
    return Promise.resolve(this.engine.pre(call(tool, { args, extensions: { subject: ANN }, ...rest })));
  }

  /** Asks, and gives the id. */
  async ask(args?: JsonValue): Promise<string> {
    return pendingId(await this.pre(args));
  }

  /** What comes of the call with the id of a question. */
  async retry(
    id: string,
    args?: JsonValue,
    rest: Omit<Operation, 'entity' | 'args'> = {},
    tool = 't',
  ): Promise<string> {
    return outcomeOf(await this.pre(args, { elicitation: { id }, ...rest }, tool));
  }

  peek(id: string, args?: JsonValue): Promise<string> {
    return this.retry(id, args, { elicitation: { id, peek: true } });
  }
}

/** The id of the question that suspended the phase. */
export function pendingId(decision: Decision): string {
  assert.equal(decision.decision, 'pending', decision.violation?.code);
  const id = decision.violation?.details['elicitation_id'];
  assert.ok(typeof id === 'string');
  return id;
}

export const APPROVED = (): unknown => ({ outcome: 'approved' });
