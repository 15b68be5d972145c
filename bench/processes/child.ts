import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Settings } from './settings.ts';

/** A server in a process of its own, so that its processor time is its own. */
export class Child {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  /** Resolves when it listens; rejects when it ends before. */
  static async start(
    program: 'upstream' | 'bare-proxy' | 'gateway' | 'reloading-gateway',
    settings: Settings,
  ): Promise<Child> {
    const child = fork(fileURLToPath(new URL(`${program}.js`, import.meta.url)), { execArgv: [] });
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${program} ended`)));
    child.send(settings);
    return new Child(child, String(await Promise.race([answerOf(child), ended])));
  }

  /** Its processor time so far, in microseconds. */
  async processor(): Promise<number> {
    return Number(await this.ask('processor'));
  }

  /** What it answers to a message. */
  async ask(message: string): Promise<unknown> {
    const answer = answerOf(this.#process);
    this.#process.send(message);
    return answer;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const [answer]: unknown[] = await once(child, 'message');
  return answer;
}
