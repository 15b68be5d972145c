import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import type {
  AttributeReader,
  DecisionAnswer,
  DecisionPoint,
  DecisionPointKind,
  DecisionQuestion,
  PreparedQuestion,
  StepContext,
} from '../../engine/decision-point.ts';
import type { JsonObject, JsonValue } from '../../engine/operation.ts';
import type { PluginContext } from '../../engine/plugin.ts';
import { isObject } from '../../engine/values.ts';
import type { ArgumentMap, ArgumentValue } from '../../language/ast.ts';
import { parseJson } from '../../text/json.ts';
import { readPolicyText } from '../read-policy-file.ts';
import { checkKeys, isArgumentMap } from '../step-body.ts';
import { compileTemplate, isPlaceholder, type Template } from '../template.ts';
import { cedarRecord, DeclaredEntities, parseUid, refuseEscapes, uidOf, type RequestEntity } from './entities.ts';
import { callCedar, cedarGeneration, loadCedar, releaseSlot, slotName, takeSlot } from './library.ts';
import { MAX_POLICY_TEXT, readPolicies, type Policies } from './policies.ts';
import { declaredPart, schemaShapes, type SchemaShapes } from './schema-shapes.ts';
import { requestContext, subjectAttributes, subjectReaders } from './subject.ts';

const text = (description: string): object => ({ type: 'string', description });

/**
 * `cedar: {action, resource, context?}`: Cedar policies decide in the process. Source: reference facts on the decision
 * point `cedar-direct`; Cedar 4.5.
 */
export const cedarDirect: DecisionPointKind = {
  kind: 'cedar-direct',
  dialect: 'cedar',
  configSchema: {
    type: 'object',
    required: ['kind'],
    properties: {
      kind: { const: 'cedar-direct' },
      policy_text: text('Policies; without any, everything is denied.'),
      policy_file: text('File of policies; a relative path starts from the folder of the bundle.'),
      schema_text: text(
        'Schema in Cedar’s own syntax. Policies are validated against it at load, requests when decided.',
      ),
      schema_file: text('File of the schema.'),
      validate_policies: {
        type: 'boolean',
        default: true,
        description: 'Whether policies have to fit the schema. Requests have to in any case.',
      },
      entities: {
        type: 'array',
        items: { type: 'object' },
        description: 'Entities besides principal and resource, in Cedar’s JSON form: `{uid, attrs, parents}`.',
      },
      entities_file: text('JSON file with a list of entities.'),
      dialect: { type: 'string', minLength: 1, default: 'cedar', description: 'The key that steps are written under.' },
      entity_namespace: { type: 'string', minLength: 1, description: 'Namespace of the principal’s type.' },
    },
    additionalProperties: false,
  },
  async create(config, context) {
    await loadCedar();
    const settings = await readSettings(config, context.baseDirectory);
    return new CedarPoint(settings, context);
  },
};

interface Settings {
  readonly policies: Policies;
  readonly schema: string | undefined;
  readonly shapes: SchemaShapes | undefined;
  readonly entities: DeclaredEntities;
  readonly namespace: string | undefined;
  readonly sources: NonNullable<DecisionPoint['sources']>;
}

async function readSettings(config: Readonly<Record<string, unknown>>, baseDirectory: string): Promise<Settings> {
  const sources: { readonly name: string; readonly text: string }[] = [];
  const textOf = async (inline: string, file: string): Promise<string | undefined> => {
    const given = config[inline];
    if (typeof given === 'string') return given;
    const path = config[file];
    if (typeof path !== 'string') return undefined;
    const source = { name: path, text: await readPolicyText(path, baseDirectory, MAX_POLICY_TEXT) };
    sources.push(source);
    return source.text;
  };
  const policyText = await textOf('policy_text', 'policy_file');
  if (policyText === undefined) throw new Error('`policy_text` or `policy_file` is missing');
  const schema = await textOf('schema_text', 'schema_file');
  const policies = readPolicies(policyText, schema, config['validate_policies'] !== false);
  const entitiesText = await textOf('', 'entities_file');
  const inline = Array.isArray(config['entities']) ? config['entities'] : [];
  const listed: unknown = entitiesText === undefined ? [] : entitiesOf(entitiesText);
  if (!Array.isArray(listed)) throw new Error('`entities_file` holds no list');
  const namespace = config['entity_namespace'];
  return {
    policies,
    schema,
    shapes: schema === undefined ? undefined : schemaShapes(schema),
    entities: new DeclaredEntities([...inline, ...listed], schema),
    namespace: typeof namespace === 'string' ? namespace : undefined,
    sources,
  };
}

function entitiesOf(given: string): unknown {
  try {
    return parseJson(given);
  } catch (error) {
    throw new Error('`entities_file` is not JSON', { cause: error });
  }
}

const STEP_KEYS = ['action', 'resource', 'context', 'principal'];
const ENTITY_KEYS = ['type', 'id', 'attributes'];

/** What a step asks, before a request fills it in. */
interface StepTemplate {
  readonly action: Template;
  readonly resource: Template;
  readonly context: Template | undefined;
  /** Undefined when the subject of the request is the principal. */
  readonly principal: Template | undefined;
}

class CedarPoint implements DecisionPoint {
  readonly synchronous = true;
  readonly sources: NonNullable<DecisionPoint['sources']>;
  readonly #settings: Settings;
  readonly #context: PluginContext;
  readonly #slot = takeSlot();
  #generation = -1;
  #closed = false;

  constructor(settings: Settings, context: PluginContext) {
    this.#settings = settings;
    this.#context = context;
    this.sources = settings.sources;
    this.#parse();
  }

  prepare(body: ArgumentMap, argument: string | undefined, context: StepContext): PreparedQuestion {
    if (argument !== undefined) throw new Error('the step takes a map, not an argument in parentheses');
    checkKeys(body, STEP_KEYS, 'the step');
    const step: StepTemplate = {
      action: actionTemplate(body['action'], context),
      resource: entityTemplate('resource', body['resource'], context),
      context: contextTemplate(body['context'], context),
      principal: body['principal'] === undefined ? undefined : entityTemplate('principal', body['principal'], context),
    };
    const readers = subjectReaders(context);
    return (question) => this.#answer(this.#call(step, readers, question));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    releaseSlot(this.#slot);
  }

  /** Parses policies and schema into the library, where a crash of any point makes them be forgotten. */
  #parse(): void {
    const { policies, schema } = this.#settings;
    const name = slotName(this.#slot);
    const generation = cedarGeneration();
    const parsed = callCedar((api) => api.preparsePolicySet(name, { staticPolicies: { ...policies.texts } }));
    if (parsed.type === 'failure') throw new Error('the policies cannot be kept');
    if (schema !== undefined && callCedar((api) => api.preparseSchema(name, schema)).type === 'failure') {
      throw new Error('the schema cannot be kept');
    }
    this.#generation = generation;
  }

  /** Throws for a request that cannot be put into Cedar's terms. */
  #call(
    step: StepTemplate,
    readers: ReadonlyMap<string, AttributeReader>,
    question: DecisionQuestion,
  ): Cedar.StatefulAuthorizationCall {
    const { schema, shapes, entities, namespace } = this.#settings;
    const named = step.action(question);
    const action = typeof named === 'string' ? parseUid(named) : undefined;
    if (action === undefined) throw new Error('`action` is no entity such as `Action::"read"`');
    const principal =
      step.principal === undefined
        ? this.#subject(readers, question, namespace)
        : requestEntity(step.principal(question), entities);
    const resource = requestEntity(step.resource(question), entities);
    const given = requestContext(readers, question);
    const shape = shapes?.context(action.type, action.id);
    const context = shape === undefined ? given : declaredPart(given, shape);
    const own = step.context?.(question);
    if (own !== undefined && !isObject(own)) throw new Error('`context` is no map');
    const name = slotName(this.#slot);
    return {
      principal: principal.uid,
      action,
      resource: resource.uid,
      context: cedarRecord(own === undefined ? context : { ...context, ...own }),
      preparsedPolicySetId: name,
      ...(schema === undefined ? {} : { preparsedSchemaName: name, validateRequest: true }),
      entities: entities.with([principal, resource].filter(({ known }) => !known)),
    };
  }

  #subject(
    readers: ReadonlyMap<string, AttributeReader>,
    question: DecisionQuestion,
    namespace: string | undefined,
  ): FoundEntity {
    const { type, id, attributes } = subjectAttributes(readers, question);
    const uid = uidOf(namespace === undefined ? type : `${namespace}::${type}`, id);
    const shape = this.#settings.shapes?.entity(uid.type);
    return {
      uid,
      attributes: cedarRecord(shape === undefined ? attributes : declaredPart(attributes, shape)),
      known: false,
    };
  }

  #answer(call: Cedar.StatefulAuthorizationCall): DecisionAnswer {
    // The slot may belong to the policies of another bundle by now.
    if (this.#closed) throw new Error('the decision point is closed');
    if (this.#generation !== cedarGeneration()) this.#parse();
    const answer = callCedar((api) => api.statefulIsAuthorized(call));
    if (answer.type === 'failure') throw new Error('Cedar refuses the request');
    const { decision, diagnostics } = answer.response;
    const { names } = this.#settings.policies;
    const nameOf = (id: string): string => names.get(id) ?? id;
    const deciding = diagnostics.reason.map(nameOf).toSorted();
    if (diagnostics.errors.length > 0) {
      // A `forbid` that fails to evaluate must not make room for a `permit`.
      const failed = diagnostics.errors.map(({ policyId }) => nameOf(policyId)).toSorted();
      const dialect = this.#context.name;
      this.#context.alarm({ alarm: 'decision_point_error', dialect, allowed: false });
      return {
        outcome: 'deny',
        code: `pdp.${dialect}.error`,
        reason: 'a policy cannot be evaluated for this request',
        diagnostics: failed.map((name) => `policy \`${name}\` cannot be evaluated`),
      };
    }
    if (decision === 'allow') {
      return { outcome: 'allow', diagnostics: deciding.map((name) => `policy \`${name}\` permits`) };
    }
    const [first] = deciding;
    if (first === undefined) {
      return {
        outcome: 'deny',
        code: 'cedar.default_deny',
        reason: 'no policy permits it',
        diagnostics: ['no policy permits'],
      };
    }
    return {
      outcome: 'deny',
      code: first,
      reason: `forbidden by ${deciding.map((name) => `\`${name}\``).join(', ')}`,
      diagnostics: deciding.map((name) => `policy \`${name}\` forbids`),
    };
  }
}

function actionTemplate(value: ArgumentValue | undefined, context: StepContext): Template {
  if (typeof value !== 'string') throw new Error('`action` must be text such as `Action::"read"`');
  if (!value.includes('${') && parseUid(value) === undefined) {
    context.warn(
      `\`action\` is no entity, so every request is denied: \`${value}\``,
      'write it with its type: `Action::"read"`',
    );
  }
  return compileTemplate(value, context, refuseEscapes);
}

function entityTemplate(key: string, value: ArgumentValue | undefined, context: StepContext): Template {
  if (!isArgumentMap(value)) throw new Error(`\`${key}\` must be a map with \`type\` and \`id\``);
  checkKeys(value, ENTITY_KEYS, `\`${key}\``);
  const { type, id, attributes } = value;
  if (typeof type !== 'string') throw new Error(`\`${key}.type\` must be text`);
  if (typeof id !== 'string') throw new Error(`\`${key}.id\` must be text; put a number in quotes`);
  if (attributes !== undefined && !isArgumentMap(attributes) && !isPlaceholder(attributes))
    throw new Error(`\`${key}.attributes\` must be a map`);
  return compileTemplate(value, context, refuseEscapes);
}

function contextTemplate(value: ArgumentValue | undefined, context: StepContext): Template | undefined {
  if (value === undefined) return undefined;
  if (!isArgumentMap(value) && !isPlaceholder(value)) throw new Error('`context` must be a map');
  return compileTemplate(value, context, refuseEscapes);
}

type FoundEntity = RequestEntity & {
  /** True when the bundle declares it and the request adds nothing. */
  readonly known: boolean;
};

function requestEntity(value: JsonValue, declared: DeclaredEntities): FoundEntity {
  const given: JsonObject = isObject(value) ? value : {};
  const uid = uidOf(given['type'], given['id']);
  const attributes = given['attributes'];
  if (attributes === undefined) return { uid, attributes: {}, known: declared.has(uid) };
  if (!isObject(attributes)) throw new Error('the attributes of an entity are no map');
  return { uid, attributes: cedarRecord(attributes), known: false };
}
