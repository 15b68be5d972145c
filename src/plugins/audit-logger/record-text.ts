import type { Violation } from '../../engine/decision.ts';
import type { Extensions, JsonValue } from '../../engine/operation.ts';
import type { DecisionRecord } from '../../engine/plugin.ts';
import { stringifyJson } from '../../text/json.ts';

export interface RecordOptions {
  readonly plugin: string;
  readonly source: string | undefined;
  readonly maskArguments: boolean;
}

const MASKED = '[MASKED]';

/** A decision as one line of JSON, without the line break. What the plugin may not see is left out. */
export function recordText(record: DecisionRecord, options: RecordOptions): string {
  const { violation, session, labels, extensions } = record;
  const args = argumentsOf(record, options.maskArguments);
  const line = {
    ts: new Date(record.time).toISOString(),
    plugin: options.plugin,
    ...(options.source === undefined ? {} : { source: options.source }),
    ...callerOf(extensions),
    entity: { type: record.entity.type, name: record.entity.name },
    ...(args === undefined ? {} : callOf(record, args)),
    ...(record.delegatedHeaders.length === 0
      ? {}
      : { delegated_tokens: record.delegatedHeaders.map((header) => ({ outbound_header: header })) }),
    ...correlationOf(record),
    ...(session === undefined ? {} : { session_id: session.id }),
    phase: record.phase,
    ...(record.route === undefined ? {} : { route: record.route }),
    decision: record.decision,
    ...(violation === null ? {} : { code: violation.code, reason: violation.reason }),
    ...(record.rule === undefined ? {} : { rule: record.rule }),
    ...(record.consultations.length === 0 ? {} : { decision_points: record.consultations }),
    ...(record.approvals.length === 0 ? {} : { approvals: record.approvals }),
    ...(record.decision === 'pending' && violation !== null ? { elicitation: askedIn(violation) } : {}),
    modified: record.modified.args || record.modified.result,
    ...(labels === undefined
      ? {}
      : { labels: { before: [...labels.before].toSorted(), after: [...labels.after].toSorted() } }),
    bundle_digest: record.bundleDigest,
    duration_ms: Math.round(record.duration * 1000) / 1000,
  };
  // Only data of the request and the plugins can hold integers that need the slower writer.
  const plain = options.maskArguments && record.decision !== 'pending';
  return plain ? JSON.stringify(line) : (stringifyJson(line) ?? '');
}

/** What a suspended operation waits for. The text for the caller may hold arguments, which are masked here. */
function askedIn({ details }: Violation): Violation['details'] {
  const { message: _message, ...asked } = details;
  return asked;
}

/** What ties the record to the lines that other systems write about the same request. */
function correlationOf({ operationId, traceparent, extensions: { request } }: DecisionRecord): object {
  const text = (name: string): string | undefined => {
    const value = request?.[name];
    return typeof value === 'string' ? value : undefined;
  };
  const ids = { operation_id: operationId, traceparent, request_id: text('request_id'), trace_id: text('trace_id') };
  return Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== undefined));
}

/** Who the request comes from. Source: reference facts on the built-in kinds, audit record. */
function callerOf({ subject, client, caller_workload }: Extensions): object {
  return {
    ...(subject === undefined
      ? {}
      : {
          subject: {
            id: subject.id ?? null,
            ...(subject.issuer === undefined ? {} : { issuer: subject.issuer }),
            ...(subject.tenant === undefined ? {} : { tenant: subject.tenant }),
            roles: subject.roles ?? [],
            teams: subject.teams ?? [],
          },
        }),
    ...(client === undefined
      ? {}
      : { client: { client_id: client.client_id, client_name: client.client_name ?? null } }),
    ...(caller_workload?.spiffe_id === undefined ? {} : { caller_workload: caller_workload.spiffe_id }),
  };
}

function argumentsOf(record: DecisionRecord, mask: boolean): JsonValue | undefined {
  if (!mask) return record.args;
  const { argumentNames } = record;
  if (argumentNames === undefined) return undefined;
  return Object.fromEntries(argumentNames.map((name) => [name, MASKED]));
}

function callOf({ entity }: DecisionRecord, args: JsonValue): object {
  switch (entity.type) {
    case 'tool':
      return { tool_call: { name: entity.name, args } };
    case 'prompt':
      return { prompt_request: { name: entity.name, args } };
    default:
      return { args };
  }
}
