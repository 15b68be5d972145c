import type { Settings } from './settings.ts';

/**
 * Starts a server with the first message of the process that forked this one, and answers it with the server's URL. Every
 * later message is answered with the processor time so far, in microseconds.
 */
export function serveParent(start: (settings: Settings) => Promise<string>): void {
  const begin = async (settings: Settings): Promise<void> => {
    const url = await start(settings);
    process.on('message', () => {
      const { user, system } = process.cpuUsage();
      process.send?.(user + system);
    });
    process.send?.(url);
  };
  process.once('disconnect', () => process.exit());
  // What `child.ts` sent.
  process.once('message', (message) => void begin(message as Settings));
}
