import type { Settings } from './settings.ts';

/** A server that listens; `answer` is for messages that only its own kind understands. */
export interface Served {
  readonly url: string;
  readonly answer: (message: unknown) => Promise<unknown>;
}

/**
 * Starts a server with the first message of the process that forked this one, and answers it with the server's URL. The
 * message `processor` is answered with the processor time so far, in microseconds.
 */
export function serveParent(start: (settings: Settings) => Promise<string | Served>): void {
  const begin = async (settings: Settings): Promise<void> => {
    const served = await start(settings);
    const { url, answer } = typeof served === 'string' ? { url: served, answer: undefined } : served;
    const reply = async (message: unknown): Promise<void> => {
      const { user, system } = process.cpuUsage();
      process.send?.(message === 'processor' ? user + system : await answer?.(message));
    };
    process.on('message', (message) => void reply(message));
    process.send?.(url);
  };
  process.once('disconnect', () => process.exit());
  // What `child.ts` sent.
  process.once('message', (message) => void begin(message as Settings));
}
