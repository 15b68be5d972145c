import { Counter } from 'prom-client';
import type { CounterConfiguration, LabelValues, Registry } from 'prom-client';

/** A counter for what every request counts: it adds up here, and the metric is told when somebody reads it. */
export class Tally<Label extends string> {
  readonly #pending = new Map<string, { readonly labels: LabelValues<Label>; count: number }>();

  constructor(registry: Registry, configuration: Omit<CounterConfiguration<Label>, 'collect' | 'registers'>) {
    const pending = this.#pending;
    const counter = new Counter({
      ...configuration,
      registers: [],
      collect() {
        for (const { labels, count } of pending.values()) this.inc(labels, count);
        pending.clear();
      },
    });
    registry.registerMetric(counter);
  }

  /** `key` stands for `labels`: equal for equal ones only. */
  add(key: string, labels: LabelValues<Label>): void {
    const entry = this.#pending.get(key);
    if (entry === undefined) this.#pending.set(key, { labels, count: 1 });
    else entry.count += 1;
  }
}
