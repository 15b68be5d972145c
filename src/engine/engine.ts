import type { Awaitable, StoreHealth } from '../session/label-store.ts';
import type { HandleNames } from '../session/session-handle.ts';
import type { TransportStorage } from '../transport/transport-storage.ts';
import type { Decision, Violation } from './decision.ts';
import type { QuestionDesk } from './elicitation/question-desk.ts';
import type { Forecast } from './forecast.ts';
import type { Entity, Extensions, JsonValue, Operation } from './operation.ts';
import type { InboundCredential } from './inbound-credential.ts';
import type { IdentityInput } from './plugin.ts';

/** Who a request comes from. `extensions` holds what the identity plugins of its route established. */
export type IdentityResult =
  | {
      readonly outcome: 'identified';
      readonly extensions: Pick<Extensions, 'subject' | 'client' | 'caller_workload' | 'delegation'>;
      readonly credentials: readonly InboundCredential[];
    }
  | { readonly outcome: 'denied'; readonly violation: Violation };

/** What a gateway needs of an engine. */
export interface Engine {
  /** SHA-256 of the bundle in force, hex. */
  readonly digest: string;
  /** Runs the `authentication` plugins that apply to `input.entity`. Never rejects: a failure is `denied`. */
  identify(input: IdentityInput): Promise<IdentityResult>;
  /**
   * Decides before the operation. Answers at once when nothing on the way is asynchronous. Never throws or rejects: what
   * goes wrong is a denial.
   */
  pre(operation: Operation): Awaitable<Decision>;
  /** Decides on what the operation returned; `operation` is the object that `pre` was given. Same promises as `pre`. */
  post(operation: Operation, result: JsonValue | undefined): Awaitable<Decision>;
  /** How session handles travel under the bundle in force; undefined or absent when none are given out. */
  readonly handleNames?: HandleNames | undefined;
  /**
   * Tells the observers of `pre` that the host does not carry out what `pre` allowed, and why; `post` then denies too. No
   * effect on an operation that `pre` did not allow. Never throws.
   */
  overrule?(operation: Operation, violation: Violation): void;
  /**
   * Whether `post` of an operation that `pre` allowed looks at its result, in a step or for a plugin's report. True for an
   * operation that `pre` has not seen.
   */
  examinesResult(operation: Operation): boolean;
  /**
   * What is sure about the operations of a caller, known by `extensions` as `identify` gave them for the entity
   * `identifiedFor`, before there is one. Asks nobody and leaves nothing: no plugin, store, decision point or record. For
   * hosts that give operations no raw attributes. Never throws.
   */
  forecast(operation: Pick<Operation, 'entity' | 'extensions'>, identifiedFor: Entity): Forecast;
  /** The storage of transport sessions that the bundle in force configures; undefined when it leaves that to the host. */
  transportSessions?(): TransportStorage | undefined;
  /** The questions to humans of the bundle in force. */
  readonly questions?: QuestionDesk;
  /** Whether the stores answer. */
  health(): Promise<StoreHealth>;
  /** Ends the stores and plugins after the last operation in flight. */
  close(): Promise<void>;
}
