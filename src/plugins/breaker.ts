import type { PluginHostOptions } from './plugin-host.ts';

/** How long a plugin with `on_error: disable` rests before it is tried again, in milliseconds. */
export const DISABLE_FOR = 30_000;

/**
 * Says when a plugin with `on_error: disable` is called. A failure lets it rest; then one call tries it, and its outcome
 * decides. Alarms `plugin_disabled` and `plugin_enabled` tell how many calls passed unchecked since it was disabled.
 */
export class Breaker {
  readonly #plugin: string;
  readonly #options: Pick<PluginHostOptions, 'alarm' | 'now'>;
  /** Unix milliseconds; undefined while the plugin is in use. */
  #restsUntil: number | undefined;
  #trying = false;
  #passed = 0;

  constructor(plugin: string, options: Pick<PluginHostOptions, 'alarm' | 'now'>) {
    this.#plugin = plugin;
    this.#options = options;
  }

  /** How a call goes through; undefined for one that passes without the plugin. `left` must follow the others. */
  enter(): 'use' | 'trial' | undefined {
    if (this.#restsUntil === undefined) return 'use';
    if (this.#trying || this.#options.now() < this.#restsUntil) {
      this.#passed += 1;
      return undefined;
    }
    this.#trying = true;
    return 'trial';
  }

  left(how: 'use' | 'trial', answered: boolean): void {
    // Calls that began before the plugin was disabled do not decide whether it is used again.
    if (how === 'use' && (answered || this.#restsUntil !== undefined)) return;
    if (how === 'trial') this.#trying = false;
    if (!answered) {
      this.#restsUntil = this.#options.now() + DISABLE_FOR;
      this.#tell('plugin_disabled', { for_ms: DISABLE_FOR });
      return;
    }
    this.#restsUntil = undefined;
    this.#tell('plugin_enabled', {});
    this.#passed = 0;
  }

  #tell(alarm: string, facts: Readonly<Record<string, number>>): void {
    this.#options.alarm({ alarm, plugin: this.#plugin, ...facts, passed: this.#passed });
  }
}
