import { createHash } from 'node:crypto';
import type {
  DecisionAnswer,
  DecisionPoint,
  DecisionPointContext,
  DecisionPointKind,
  DecisionQuestion,
  PreparedQuestion,
  StepContext,
} from '../../engine/decision-point.ts';
import type { JsonValue } from '../../engine/operation.ts';
import type { ArgumentMap } from '../../language/ast.ts';
import { stringifyJson } from '../../text/json.ts';
import { importOptional } from '../import-optional.ts';
import { readPolicyFile, readPolicyText } from '../read-policy-file.ts';
import { DecisionServer } from '../remote/decision-server.ts';
import { DEFAULT_SERVER_TIMEOUT, SERVER_PROPERTIES, serverSettings } from '../remote/server-settings.ts';
import { checkKeys, isArgumentMap } from '../step-body.ts';
import { compileTemplate, isPlaceholder } from '../template.ts';
import { mergeData, parseData } from './base-data.ts';
import { decisionOf } from './decision.ts';
import { inputDocument } from './input.ts';
import { MAX_POLICY_BYTES, readCompiledPolicy } from './policy-archive.ts';
import { parseQuery, type QueryPath } from './query.ts';
import { EvaluationError, WasmPolicy } from './wasm-policy.ts';

const MAX_INPUT_BYTES = 4 * 1024 * 1024;
const texts = { type: 'array', items: { type: 'string' } };

/**
 * `opa: {query: data.package.rule}`: a Rego policy decides, compiled to WebAssembly in the process or in an OPA server.
 * Source: reference facts on the decision point `opa`; OPA data API; OPA WebAssembly ABI 1.
 */
export const opa: DecisionPointKind = {
  kind: 'opa',
  dialect: 'opa',
  configSchema: {
    type: 'object',
    required: ['kind'],
    properties: {
      kind: { const: 'opa' },
      wasm_file: {
        type: 'string',
        minLength: 1,
        description: 'What `opa build -t wasm` wrote: a bundle or its `policy.wasm`. The policy runs in the process.',
      },
      ...SERVER_PROPERTIES,
      on_error: {
        enum: ['deny', 'allow'],
        default: 'deny',
        description: 'What a policy leads to that gives up on a request. An OPA server that gives no answer denies.',
      },
      decision_field: {
        type: 'string',
        minLength: 1,
        default: 'allow',
        description: 'Member that decides when the rule’s value is an object.',
      },
      data: { type: 'object', description: 'Base documents for `wasm_file`, below `data`.' },
      data_files: { ...texts, description: 'JSON files merged into the base documents.' },
      modules: { ...texts, description: 'Rego text; it has to be compiled first, see `wasm_file`.' },
      module_files: { ...texts, description: 'Files of Rego text; they have to be compiled first, see `wasm_file`.' },
      max_cache_entries: { type: 'integer', minimum: 0, description: 'Accepted from existing bundles; has no effect.' },
    },
    additionalProperties: false,
  },
  async create(config, context) {
    for (const key of ['modules', 'module_files']) {
      const listed = config[key];
      if (Array.isArray(listed) && listed.length > 0) {
        throw new Error(
          `\`${key}\`: Rego text is not run here; compile it with \`opa build -t wasm\` and name the result in \`wasm_file\`, or name an OPA server in \`url\``,
        );
      }
    }
    const { url, wasm_file: file } = config;
    if ((url === undefined) === (file === undefined)) throw new Error('write either `wasm_file` or `url`');
    return typeof file === 'string' ? compiledPoint(file, config, context) : serverPoint(config, context);
  },
};

/** Asks for a rule; undefined is a rule without a value. */
interface Engine {
  readonly remote: boolean;
  /** Throws an `Error` for the author when there is no such rule, as far as that is known. */
  check(query: QueryPath): void;
  value(query: QueryPath, input: JsonValue, signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

async function compiledPoint(
  file: string,
  config: Readonly<Record<string, unknown>>,
  context: DecisionPointContext,
): Promise<DecisionPoint> {
  await importOptional('@open-policy-agent/opa-wasm', () => import('@open-policy-agent/opa-wasm'));
  const bytes = await readPolicyFile(file, context.baseDirectory, MAX_POLICY_BYTES);
  const compiled = readCompiledPolicy(bytes);
  const sources = [{ name: file, text: createHash('sha256').update(bytes).digest('hex') }];
  let data = compiled.data === undefined ? {} : parseData(compiled.data, `${file}: data.json`);
  data = mergeData(data, config['data'] ?? {}, 'data');
  for (const path of stringsOf(config['data_files'])) {
    const text = await readPolicyText(path, context.baseDirectory, MAX_POLICY_BYTES);
    sources.push({ name: path, text });
    data = mergeData(data, parseData(text, path), 'data');
  }
  const timeout = timeoutOf(config);
  const policy = await WasmPolicy.load({ wasm: compiled.wasm, data: stringifyJson(data) ?? '{}' }, timeout);
  if (policy.missing.length > 0) {
    await policy.close();
    throw new Error(`\`${file}\` calls functions that are not available here: ${policy.missing.join(', ')}`);
  }
  const engine: Engine = {
    remote: false,
    check(query) {
      if (policy.entrypoints.has(query.join('/'))) return;
      const known = [...policy.entrypoints].map((path) => `\`data.${path.replaceAll('/', '.')}\``).join(', ');
      throw new Error(`\`${file}\` was not built with the entrypoint \`${query.join('/')}\`; it has ${known}`);
    },
    async value(query, input) {
      const bytesOfInput = new TextEncoder().encode(stringifyJson(input));
      if (bytesOfInput.byteLength > MAX_INPUT_BYTES) throw new Error('the attributes are too large');
      const results = await policy.ask(query.join('/'), bytesOfInput.buffer);
      if (!Array.isArray(results) || results.length > 1) throw new Error('the policy gave no result set');
      const [only]: unknown[] = results;
      if (only === undefined) return undefined;
      if (typeof only !== 'object' || only === null || !('result' in only)) throw new Error('the result has no value');
      return only.result;
    },
    close: () => policy.close(),
  };
  return new OpaPoint(engine, config, timeout, context, sources);
}

function serverPoint(config: Readonly<Record<string, unknown>>, context: DecisionPointContext): DecisionPoint {
  for (const key of ['data', 'data_files']) {
    if (config[key] !== undefined) throw new Error(`\`${key}\` is for \`wasm_file\`; an OPA server has its own data`);
  }
  const settings = serverSettings(config, context);
  const server = new DecisionServer(settings);
  const base = settings.url.pathname.replace(/\/$/, '');
  const engine: Engine = {
    remote: true,
    check: () => undefined,
    async value(query, input, signal) {
      const path = `${base}/v1/data/${query.map(encodeURIComponent).join('/')}`;
      const answer = await server.ask(path, { input }, {}, signal);
      if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw new Error('no OPA server');
      return Object.hasOwn(answer, 'result') ? (Reflect.get(answer, 'result') as unknown) : undefined;
    },
    close: () => server.close(),
  };
  return new OpaPoint(engine, config, settings.timeout, context, []);
}

const STEP_KEYS = ['query', 'input', 'module'];

class OpaPoint implements DecisionPoint {
  readonly timeout: number;
  readonly sources: NonNullable<DecisionPoint['sources']>;
  readonly #engine: Engine;
  readonly #allowErrors: boolean;
  readonly #field: string;
  readonly #context: DecisionPointContext;

  constructor(
    engine: Engine,
    config: Readonly<Record<string, unknown>>,
    timeout: number,
    context: DecisionPointContext,
    sources: NonNullable<DecisionPoint['sources']>,
  ) {
    const field = config['decision_field'];
    this.#engine = engine;
    this.#allowErrors = config['on_error'] === 'allow';
    this.#field = typeof field === 'string' ? field : 'allow';
    this.#context = context;
    // The engine keeps the time itself, and knows then why it gave up.
    this.timeout = timeout + 1000;
    this.sources = sources;
  }

  prepare(body: ArgumentMap, argument: string | undefined, context: StepContext): PreparedQuestion {
    checkKeys(body, STEP_KEYS, 'the step');
    const text = body['query'] ?? argument?.replace(/^(["'])(.*)\1$/s, '$2');
    if (typeof text !== 'string') throw new Error('`query` must name a rule such as `data.package.rule`');
    if (argument !== undefined && body['query'] !== undefined) throw new Error('the rule is named twice');
    if (body['module'] !== undefined)
      throw new Error('`module`: Rego text is not run here; compile it into `wasm_file`');
    const query = parseQuery(text);
    this.#engine.check(query);
    const input = this.#input(body, context);
    return async (question, { signal }) => {
      let value: unknown;
      try {
        value = await this.#engine.value(query, input(question), signal);
      } catch (error) {
        if (error instanceof EvaluationError) return this.#failed();
        throw error;
      }
      return decisionOf(value, query, this.#field);
    };
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #input(body: ArgumentMap, context: StepContext): (question: DecisionQuestion) => JsonValue {
    const { input } = body;
    const { remote } = this.#engine;
    if (input === undefined) return (question) => inputDocument(question, remote);
    if (!isArgumentMap(input) && !isPlaceholder(input)) throw new Error('`input` must be a map');
    return compileTemplate(input, context);
  }

  #failed(): DecisionAnswer {
    const dialect = this.#context.name;
    this.#context.alarm({ alarm: 'decision_point_error', dialect, allowed: this.#allowErrors });
    const diagnostics = ['the policy cannot be evaluated for this request'];
    if (this.#allowErrors) return { outcome: 'allow', diagnostics };
    const reason = 'the policy cannot be evaluated for this request';
    return { outcome: 'deny', code: `pdp.${dialect}.error`, reason, diagnostics };
  }
}

function timeoutOf(config: Readonly<Record<string, unknown>>): number {
  const timeout = config['timeout_ms'];
  return typeof timeout === 'number' ? timeout : DEFAULT_SERVER_TIMEOUT;
}

function stringsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
