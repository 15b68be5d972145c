import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** What a node is asked; answered in order. */
export type NodeRequest =
  | { readonly decide: string; readonly session: string }
  | { readonly append: readonly (readonly [session: string, label: string])[] };

/** `decide`: the violation's code, or the decision. `append`: how many were acknowledged. */
export type NodeAnswer = string | number;

/** A process of its own with an engine on a `session_store` block, as a gateway has. */
export class NodeProcess {
  readonly #process: ChildProcess;
  readonly #waiting: ((answer: NodeAnswer) => void)[] = [];

  constructor(sessionStore: Readonly<Record<string, unknown>>) {
    const program = fileURLToPath(new URL('./node-main.ts', import.meta.url));
    this.#process = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(sessionStore)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error('no output');
    createInterface({ input: stdout }).on('line', (line) => {
      const answer: { readonly answer: NodeAnswer } = JSON.parse(line);
      this.#waiting.shift()?.(answer.answer);
    });
  }

  ask(request: NodeRequest): Promise<NodeAnswer> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#process.stdin?.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** Ends the process at once, as a crash would. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
  }
}
