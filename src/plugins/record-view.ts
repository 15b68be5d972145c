import type { Entity, Extensions, JsonValue } from '../engine/operation.ts';
import type { Capability, DecisionRecord } from '../engine/plugin.ts';
import type { UncutRecord } from '../engine/plugin-handle.ts';
import { isObject } from '../engine/values.ts';
import { frozenCopy, viewOfExtensions } from './capability-view.ts';

const NO_CONSULTATIONS: DecisionRecord['consultations'] = Object.freeze([]);
const NO_APPROVALS: DecisionRecord['approvals'] = Object.freeze([]);
const NO_HEADERS: readonly string[] = Object.freeze([]);

/** What a plugin with these capabilities sees of a decision. */
export class RecordView implements DecisionRecord {
  readonly time: number;
  readonly duration: number;
  readonly operationId: string | undefined;
  readonly bundleDigest: string;
  readonly phase: DecisionRecord['phase'];
  readonly hook: DecisionRecord['hook'];
  readonly entity: Entity;
  readonly route: string | undefined;
  readonly decision: DecisionRecord['decision'];
  readonly violation: DecisionRecord['violation'];
  readonly rule: DecisionRecord['rule'];
  readonly consultations: DecisionRecord['consultations'];
  readonly approvals: DecisionRecord['approvals'];
  readonly traceparent: string | undefined;
  readonly modified: DecisionRecord['modified'];
  readonly session: DecisionRecord['session'];
  readonly delegatedHeaders: readonly string[];
  readonly #record: UncutRecord;
  readonly #capabilities: ReadonlySet<Capability>;
  #args: { readonly value: JsonValue | undefined } | undefined;
  #extensions: Extensions | undefined;

  constructor(record: UncutRecord, capabilities: ReadonlySet<Capability>) {
    this.time = record.time;
    this.duration = record.duration;
    this.operationId = record.operationId;
    this.bundleDigest = record.bundleDigest;
    this.phase = record.phase;
    this.hook = record.hook;
    this.entity = record.entity.tags === undefined ? Object.freeze({ ...record.entity }) : frozenCopy(record.entity);
    this.route = record.route;
    this.decision = record.decision;
    this.violation = record.violation === null ? null : frozenCopy(record.violation);
    this.rule = record.rule && Object.freeze({ ...record.rule });
    this.consultations = record.consultations.length === 0 ? NO_CONSULTATIONS : frozenCopy(record.consultations);
    this.approvals = record.approvals.length === 0 ? NO_APPROVALS : frozenCopy(record.approvals);
    this.traceparent = record.traceparent;
    this.modified = record.modified;
    this.session = record.session && Object.freeze({ ...record.session });
    this.delegatedHeaders = capabilities.has('read_delegated_tokens') ? record.delegatedHeaders : NO_HEADERS;
    this.#record = record;
    this.#capabilities = capabilities;
    Object.freeze(this);
  }

  get args(): JsonValue | undefined {
    this.#args ??= { value: frozenCopy(this.#record.args) };
    return this.#args.value;
  }

  get argumentNames(): readonly string[] | undefined {
    const { args } = this.#record;
    return isObject(args) ? Object.keys(args) : undefined;
  }

  get extensions(): Extensions {
    this.#extensions ??= viewOfExtensions(this.#record.extensions, this.#capabilities);
    return this.#extensions;
  }

  get labels(): DecisionRecord['labels'] {
    if (!this.#capabilities.has('read_labels')) return undefined;
    const { before, after } = this.#record.labels;
    return { before: new Set(before), after: new Set(after) };
  }
}
