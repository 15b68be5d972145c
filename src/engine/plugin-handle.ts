import type { Awaitable } from '../session/label-store.ts';
import type { Violation } from './decision.ts';
import type { CallDeadline } from './call-deadline.ts';
import type {
  CallbackAnswer,
  CallbackMessage,
  DecisionRecord,
  DelegateInput,
  DelegateOutcome,
  ElicitInput,
  ElicitOutcome,
  HookName,
  IdentityInput,
  IdentityOutcome,
  PluginChanges,
  PluginInput,
  PluginMode,
  PluginWarning,
} from './plugin.ts';

/** A call that gave no usable answer. The plugin's `on_error` has not been applied: the caller decides. */
export interface PluginFailure {
  readonly outcome: 'failed';
  /** `answer`: one came and was of the wrong shape. `hook`: the plugin does not serve what was asked of it. */
  readonly cause: 'error' | 'timeout' | 'answer' | 'hook';
  /** `plugin.<name>.error`. */
  readonly violation: Violation;
}

/** What became of an `invoke`, after the entry's mode and `on_error`. */
export type InvokeResult =
  | { readonly outcome: 'allow' }
  /** `failed` when no answer was had, rather than a refusal. */
  | { readonly outcome: 'deny'; readonly violation: Violation; readonly failed: boolean }
  /** Every change allowed and well-formed. */
  | ({ readonly outcome: 'modify' } & PluginChanges);

/** A decision before a plugin's capability view of it is cut. */
export interface UncutRecord extends Omit<DecisionRecord, 'argumentNames' | 'labels'> {
  readonly labels: NonNullable<DecisionRecord['labels']>;
}

/**
 * A declared plugin as compiled routes call it: time limit, capability view, checks of the answer and `on_error`
 * included. No call throws or rejects.
 */
export interface PluginHandle {
  readonly name: string;
  readonly kind: string;
  readonly mode: PluginMode;
  /** Lower runs first. */
  readonly priority: number;
  readonly hooks: readonly HookName[];
  /** True when an answer may change arguments, results or labels. */
  readonly modifies: boolean;
  /** True when `invoke` does nothing but allow. */
  readonly observesOnly: boolean;
  /** Undefined for a plugin that does not observe. Never throws. */
  readonly observe: ((record: UncutRecord) => void) | undefined;
  /** Why the phase must not be run. Undefined for a plugin that always lets it. Never throws. */
  readonly admit: ((request: Pick<PluginInput, 'entity' | 'extensions'>) => Violation | undefined) | undefined;
  invoke(input: PluginInput, signal: AbortSignal | undefined): Awaitable<InvokeResult>;
  resolveIdentity(input: IdentityInput, deadline: CallDeadline): Awaitable<IdentityOutcome | PluginFailure>;
  delegate(input: DelegateInput, signal: AbortSignal | undefined): Awaitable<DelegateOutcome | PluginFailure>;
  /** What is doubtful in the keys of a `delegate` step. Throws an `Error` for the author when the step cannot work. */
  checkDelegate(config: DelegateInput['config']): readonly PluginWarning[];
  /** Undefined for what the plugin does not trust, and when it fails. */
  readAnswer(message: CallbackMessage): Awaitable<CallbackAnswer | undefined>;
  /** What is doubtful in a question of this verb. Throws an `Error` for the author when it cannot be asked. */
  checkElicit(verb: ElicitInput['verb']): readonly PluginWarning[];
  elicit(input: ElicitInput, signal: AbortSignal | undefined): Awaitable<ElicitOutcome | PluginFailure>;
}
