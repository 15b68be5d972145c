import type { Decision } from '../../src/engine/decision.ts';
import type { Engine, IdentityResult } from '../../src/engine/engine.ts';
import type { Forecast } from '../../src/engine/forecast.ts';
import type { JsonValue, Operation, Phase } from '../../src/engine/operation.ts';
import type { IdentityInput } from '../../src/engine/plugin.ts';
import type { Awaitable, StoreHealth } from '../../src/session/label-store.ts';

/** Part of a decision; the rest is that of an allowed, unchanged operation. */
export type Ruling = Partial<Decision>;

export interface EngineScript {
  readonly handleNames?: Engine['handleNames'];
  identify?(input: IdentityInput): IdentityResult;
  pre?(operation: Operation): Awaitable<Ruling>;
  post?(operation: Operation, result: JsonValue | undefined): Awaitable<Ruling>;
  forecast?(operation: Pick<Operation, 'entity' | 'extensions'>): Partial<Forecast>;
  health?(): Promise<StoreHealth>;
}

export interface ScriptedEngine extends Engine {
  readonly preCalls: Operation[];
  readonly postCalls: { readonly operation: Operation; readonly result: JsonValue | undefined }[];
  readonly identified: IdentityInput[];
}

/** An engine that decides as the script says and remembers what it was asked. */
export function scriptedEngine(script: EngineScript = {}): ScriptedEngine {
  const preCalls: Operation[] = [];
  const postCalls: ScriptedEngine['postCalls'] = [];
  const identified: IdentityInput[] = [];
  return {
    digest: 'd'.repeat(64),
    handleNames: script.handleNames,
    preCalls,
    postCalls,
    identified,
    identify(input) {
      identified.push(input);
      const anonymous = { outcome: 'identified', extensions: {}, credentials: [] } as const;
      return Promise.resolve(script.identify?.(input) ?? anonymous);
    },
    async pre(operation) {
      preCalls.push(operation);
      return complete('pre', operation, undefined, (await script.pre?.(operation)) ?? {});
    },
    async post(operation, result) {
      postCalls.push({ operation, result });
      return complete('post', operation, result, (await script.post?.(operation, result)) ?? {});
    },
    examinesResult: () => script.post !== undefined,
    forecast: (operation) => ({ refused: false, constraint: null, ...script.forecast?.(operation) }),
    health: () => script.health?.() ?? Promise.resolve({ healthy: true, detail: 'ok' }),
    close: () => Promise.resolve(),
  };
}

export function deny(code: string, reason = '', details: Readonly<Record<string, JsonValue>> = {}): Ruling {
  return { decision: 'deny', violation: { code, reason, details } };
}

export function pending(details: Readonly<Record<string, JsonValue>>): Ruling {
  return { decision: 'pending', violation: { code: 'elicitation.pending', reason: 'waiting for approval', details } };
}

export function withArgs(args: JsonValue): Ruling {
  return { args, modified: { args: true, result: false } };
}

export function withResult(result: JsonValue): Ruling {
  return { result, modified: { args: false, result: true } };
}

/** Identifies by `authorization: Bearer <subject>`; without it nobody, and `Bearer bad` is denied. */
export function bearerIdentity(input: IdentityInput): IdentityResult {
  const header = input.headers['authorization'];
  const token = typeof header === 'string' ? header.replace(/^Bearer /, '') : undefined;
  if (token === undefined) return { outcome: 'identified', extensions: {}, credentials: [] };
  if (token === 'bad')
    return { outcome: 'denied', violation: { code: 'auth.invalid_token', reason: 'no', details: {} } };
  return {
    outcome: 'identified',
    extensions: { subject: { id: token, issuer: 'test' } },
    credentials: [{ role: 'user', token, header: 'Authorization' }],
  };
}

function complete(phase: Phase, operation: Operation, result: JsonValue | undefined, ruling: Ruling): Decision {
  return {
    decision: 'allow',
    phase,
    violation: null,
    route: `${operation.entity.type}:${operation.entity.name}`,
    args: operation.args,
    result,
    modified: { args: false, result: false },
    taints: [],
    labels: new Set(),
    constraint: null,
    ...ruling,
  };
}
