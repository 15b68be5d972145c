import type { Frame } from './frame.ts';
import { withHiddenToken } from './hidden-token.ts';
import type { Delegation, Extensions, HttpRequest, JsonObject } from './operation.ts';
import type { PluginChanges } from './plugin.ts';

/** What plugins made of an operation's extensions so far, in both phases. */
export interface ExtensionEdits {
  readonly custom?: JsonObject;
  readonly delegation?: Delegation;
  /** By lower-case name; null takes one away. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** Takes over what a plugin may change besides arguments, results and fields. */
export function takeChanges(changes: PluginChanges, frame: Frame): void {
  const { labels, headers, custom, delegatedTokens, delegation, constraint } = changes;
  for (const label of labels ?? []) frame.addTaint({ label, scopes: ['session'] });
  if (constraint !== undefined) frame.addConstraint(constraint);
  for (const { token, header } of delegatedTokens ?? []) {
    frame.addDelegatedToken(withHiddenToken({ header }, token));
  }
  if (custom === undefined && headers === undefined && delegation === undefined) return;
  frame.edit({
    ...frame.edits,
    ...(custom === undefined ? {} : { custom }),
    ...(headers === undefined ? {} : { headers: { ...frame.edits?.headers, ...lowerCased(headers) } }),
    ...(delegation === undefined ? {} : { delegation: afterHop(frame.extensions.delegation, delegation) }),
  });
}

/** The extensions as plugins left them. */
export function edited(extensions: Extensions, edits: ExtensionEdits): Extensions {
  const { custom, delegation, headers } = edits;
  return {
    ...extensions,
    ...(custom === undefined ? {} : { custom }),
    ...(delegation === undefined ? {} : { delegation }),
    ...(headers === undefined ? {} : { http: withHeaders(extensions.http, headers) }),
  };
}

function afterHop(before: Delegation | undefined, hop: NonNullable<PluginChanges['delegation']>): Delegation {
  const origin = before?.origin_subject_id ?? hop.origin_subject_id;
  return {
    depth: (before?.depth ?? 0) + 1,
    delegated: true,
    ...(origin === undefined ? {} : { origin_subject_id: origin }),
    ...(hop.actor_subject_id === undefined ? {} : { actor_subject_id: hop.actor_subject_id }),
    ...(hop.age_seconds === undefined ? {} : { age_seconds: hop.age_seconds }),
  };
}

function withHeaders(http: HttpRequest | undefined, headers: NonNullable<ExtensionEdits['headers']>): HttpRequest {
  const request_headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(http?.request_headers ?? {})) {
    if (!Object.hasOwn(headers, name.toLowerCase())) request_headers[name] = value;
  }
  for (const [name, value] of Object.entries(headers)) if (value !== null) request_headers[name] = value;
  return { ...http, request_headers };
}

function lowerCased(headers: NonNullable<PluginChanges['headers']>): NonNullable<ExtensionEdits['headers']> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
