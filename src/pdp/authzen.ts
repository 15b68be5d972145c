import { randomUUID } from 'node:crypto';
import type {
  DecisionAnswer,
  DecisionPoint,
  DecisionPointKind,
  DecisionQuestion,
  PreparedQuestion,
  StepContext,
} from '../engine/decision-point.ts';
import type { JsonObject, JsonValue } from '../engine/operation.ts';
import { isObject } from '../engine/values.ts';
import type { ArgumentMap, ArgumentValue } from '../language/ast.ts';
import { boundedText } from './bounded-text.ts';
import { DecisionServer, type DecisionServerOptions } from './remote/decision-server.ts';
import { SERVER_PROPERTIES, serverSettings } from './remote/server-settings.ts';
import { checkKeys, isArgumentMap } from './step-body.ts';
import { compileTemplate, isPlaceholder, type Template } from './template.ts';

const EVALUATION_PATH = 'access/v1/evaluation';

/**
 * `authzen: {action, resource?, subject?, context?}`: an external engine decides. Source: OpenID AuthZEN Authorization
 * API 1.0, Access Evaluation.
 */
export const authzen: DecisionPointKind = {
  kind: 'authzen',
  dialect: 'authzen',
  configSchema: {
    type: 'object',
    required: ['kind', 'url'],
    properties: {
      kind: { const: 'authzen' },
      ...SERVER_PROPERTIES,
      path: {
        type: 'string',
        pattern: '^/',
        description: `Path of the evaluation endpoint; without it \`${EVALUATION_PATH}\` below \`url\`.`,
      },
    },
    additionalProperties: false,
  },
  create: (config, context) => {
    const settings = serverSettings(config, context);
    const path = config['path'];
    return new AuthzenPoint(settings, typeof path === 'string' ? path : pathBelow(settings.url, EVALUATION_PATH));
  },
};

const STEP_KEYS = ['action', 'resource', 'subject', 'context'];

class AuthzenPoint implements DecisionPoint {
  readonly timeout: number;
  readonly #server: DecisionServer;
  readonly #path: string;

  constructor(options: DecisionServerOptions, path: string) {
    // The server keeps the time itself, and knows then why it gave up.
    this.timeout = options.timeout + 1000;
    this.#server = new DecisionServer(options);
    this.#path = path;
  }

  prepare(body: ArgumentMap, argument: string | undefined, context: StepContext): PreparedQuestion {
    if (argument !== undefined) throw new Error('the step takes a map, not an argument in parentheses');
    checkKeys(body, STEP_KEYS, 'the step');
    const action = actionTemplate(body['action'], context);
    const resource = partTemplate('resource', body['resource'], ['type', 'id'], context) ?? entityOf;
    const subject = partTemplate('subject', body['subject'], ['type', 'id'], context) ?? subjectTemplate(context);
    const about = partTemplate('context', body['context'], [], context);
    return async (question, { signal }) => {
      const evaluation = {
        subject: identified(subject(question)),
        action: action(question),
        resource: identified(resource(question)),
        ...(about === undefined ? {} : { context: about(question) }),
      };
      return answerOf(await this.#server.ask(this.#path, evaluation, { 'x-request-id': randomUUID() }, signal));
    };
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

function pathBelow({ pathname }: URL, path: string): string {
  return `${pathname.replace(/\/$/, '')}/${path}`;
}

function actionTemplate(value: ArgumentValue | undefined, context: StepContext): Template {
  if (value === undefined) throw new Error('`action` is missing');
  if (typeof value !== 'string') {
    const template = partTemplate('action', value, ['name'], context);
    if (template !== undefined) return template;
  }
  const name = compileTemplate(value, context);
  return (question) => ({ name: name(question) });
}

/** A map of a step with at least `keys`, or a placeholder for one; undefined when it is not written. */
function partTemplate(
  key: string,
  value: ArgumentValue | undefined,
  keys: readonly string[],
  context: StepContext,
): Template | undefined {
  if (value === undefined) return undefined;
  if (isPlaceholder(value)) return compileTemplate(value, context);
  if (!isArgumentMap(value)) throw new Error(`\`${key}\` must be a map`);
  for (const required of keys) {
    if (!Object.hasOwn(value, required)) throw new Error(`\`${key}.${required}\` is missing`);
  }
  if (keys.length > 0) checkKeys(value, [...keys, 'properties'], `\`${key}\``);
  return compileTemplate(value, context);
}

/** Without `resource`, the operation itself is asked about. */
function entityOf({ entity }: DecisionQuestion): JsonValue {
  return { type: entity.type, id: entity.name };
}

/** Without `subject`, the subject of the request with what it may do; its claims stay here. */
function subjectTemplate(context: StepContext): Template {
  const [id, type, roles, permissions, teams] = ['id', 'type', 'roles', 'permissions', 'teams'].map((name) =>
    context.reader(`subject.${name}`),
  );
  return (question) => {
    const properties: [string, JsonValue][] = [];
    for (const [name, read] of [
      ['roles', roles],
      ['permissions', permissions],
      ['teams', teams],
    ] as const) {
      const value = read?.(question);
      if (value !== undefined) properties.push([name, value]);
    }
    return {
      type: type?.(question) ?? 'user',
      id: id?.(question) ?? null,
      ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    };
  };
}

/** Throws unless `type` and `id` are text, which the API demands of subjects and resources. */
function identified(value: JsonValue): JsonObject {
  if (isObject(value) && typeof value['type'] === 'string' && typeof value['id'] === 'string') return value;
  throw new Error('the subject or the resource has no type and id');
}

function answerOf(answer: unknown): DecisionAnswer {
  const decision = member(answer, 'decision');
  if (typeof decision !== 'boolean') throw new Error('the server decided nothing');
  const context = member(answer, 'context');
  const diagnostics = firstText(member(context, 'reason_admin'));
  const told = diagnostics === undefined ? {} : { diagnostics: [boundedText(diagnostics)] };
  if (decision) return { outcome: 'allow', ...told };
  const reason = firstText(member(context, 'reason_user'));
  return { outcome: 'deny', ...(reason === undefined ? {} : { reason: boundedText(reason) }), ...told };
}

/** Reasons are texts by language or by code; English first. */
function firstText(reasons: unknown): string | undefined {
  if (typeof reasons === 'string') return reasons;
  if (typeof reasons !== 'object' || reasons === null) return undefined;
  const english = member(reasons, 'en');
  if (typeof english === 'string') return english;
  return Object.values(reasons).find((value) => typeof value === 'string');
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
