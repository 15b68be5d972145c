import type { Decision } from './decision.ts';
import type { Frame } from './frame.ts';
import type { DecidingRule } from './halt.ts';
import { observationStart } from './observe.ts';
import { PROGRESS, type JsonValue, type Operation, type Phase } from './operation.ts';
import type { Program } from './program.ts';
import type { Tenure } from './tenure.ts';

/** One phase of one operation. That of `pre` is what `post` goes on from. */
export class Run {
  /** The engine that decides; an operation may be shown to several. */
  readonly engine: object;
  readonly tenure: Tenure;
  readonly operation: Operation;
  readonly phase: Phase;
  /** For those who observe the decision. */
  readonly startedAt: number;
  /** The result as the host gave it. */
  readonly givenResult: JsonValue | undefined;
  /** The allowed `pre` of the same operation. */
  readonly earlier: Run | undefined;
  frame: Frame | undefined;
  program: Program | undefined;
  decision: Decision | undefined;
  /** Where the steps ended the phase; for those who observe it. */
  rule: DecidingRule | undefined;
  /** True once the time for the phase is up: whatever still comes of it is a denial. */
  expired: boolean;
  /** Whether the tenure counts the operation, so that the bundle waits for `post`. */
  counted: boolean;

  constructor(
    engine: object,
    tenure: Tenure,
    operation: Operation,
    phase: Phase,
    givenResult: JsonValue | undefined,
    earlier: Run | undefined,
  ) {
    this.engine = engine;
    this.tenure = tenure;
    this.operation = operation;
    this.phase = phase;
    this.startedAt = observationStart(tenure.bundle);
    this.givenResult = givenResult;
    this.earlier = earlier;
    this.frame = undefined;
    this.program = undefined;
    this.decision = undefined;
    this.rule = undefined;
    this.expired = false;
    this.counted = false;
  }
}

/** Where the session of a decided operation comes from; undefined without one. */
export function sessionSource(operation: Operation): string | undefined {
  const mark = operation[PROGRESS];
  return mark instanceof Run ? mark.frame?.session?.source : undefined;
}
