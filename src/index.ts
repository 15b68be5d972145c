export { editorSchema } from './config/editor-schema.ts';
export type { BundleSource } from './config/document-reader.ts';
export { loadBundle, type BundleSummary, type LoadResult, type UnmatchedOutline } from './config/load-bundle.ts';
export type { LoadOptions } from './config/load-options.ts';
export type { OutlineStep, RouteOutline } from './config/outline.ts';
export type { Diagnostic, Related } from './diagnostics/diagnostic.ts';
export type { Severity } from './diagnostics/catalog-entry.ts';
export { renderJson, renderText, type RenderedDiagnostic, type TextOptions } from './diagnostics/render.ts';
export type { Bundle } from './engine/bundle.ts';
export type { Constraint } from './engine/constraint.ts';
export type { Consultation, Decision, DelegatedToken, Taint, TraceStep, Violation } from './engine/decision.ts';
export type {
  AttributeReader,
  DecisionAnswer,
  DecisionPoint,
  DecisionPointContext,
  DecisionPointKind,
  DecisionQuestion,
  PreparedQuestion,
  StepContext,
} from './engine/decision-point.ts';
export type { Engine, IdentityResult } from './engine/engine.ts';
export type { Forecast } from './engine/forecast.ts';
export type {
  Client,
  Delegation,
  Entity,
  EntityType,
  Extensions,
  FormReply,
  HttpRequest,
  JsonObject,
  JsonValue,
  Operation,
  OperationElicitation,
  Phase,
  RawAttributes,
  SessionHints,
  Subject,
  Workload,
} from './engine/operation.ts';
export type { InboundCredential } from './engine/inbound-credential.ts';
export type { QuestionDesk } from './engine/elicitation/question-desk.ts';
export type { Authentication, GivenAnswer } from './engine/elicitation/question.ts';
export type {
  CallbackAnswer,
  CallbackMessage,
  CallContext,
  Capability,
  DecisionRecord,
  DelegateInput,
  DelegateOutcome,
  ElicitInput,
  ElicitOutcome,
  HookName,
  Identity,
  IdentityInput,
  IdentityOutcome,
  OnError,
  Plugin,
  PluginContext,
  PluginEntryContext,
  PluginInput,
  PluginKind,
  PluginMode,
  PluginOutcome,
} from './engine/plugin.ts';
export { createEngine, type EngineOptions, type PolicyEngine } from './engine/policy-engine.ts';
export { admitsBackend, type BackendLabels } from './engine/restrict.ts';
export { definePlugin, type PluginDefinition } from './plugins/define-plugin.ts';
export {
  SessionStoreError,
  type Alarm,
  type Awaitable,
  type LabelStore,
  type SessionStoreContext,
  type SessionStoreFactory,
  type StoreCheck,
  type StoreHealth,
  type StoreObserver,
  type StoreOperation,
  type StoreWarning,
} from './session/label-store.ts';
export { memoryStore, type MemoryStoreOptions } from './session/memory-store.ts';
export type { HandleNames } from './session/session-handle.ts';
export type { RedisConfigFinding } from './transport/check-redis-config.ts';
export { LocalStorage, type LocalStorageOptions } from './transport/local-storage.ts';
export type { RedisConfig, RedisTlsConfig, SentinelConfig } from './transport/redis-config.ts';
export { RedisConfigError, RedisStorage, type RedisStorageOptions } from './transport/redis-storage.ts';
export {
  SessionNotFoundError,
  TransportStorageError,
  type TransportSession,
  type TransportSessionType,
  type TransportStorage,
} from './transport/transport-storage.ts';
export type { SecretSource } from './text/secret-source.ts';
export { positionAt, type Position, type Source, type Span } from './text/source.ts';
