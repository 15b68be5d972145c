import type { Command, CommanderError } from 'commander';
import { didYouMean } from '../diagnostics/nearest.ts';

/** What is wrong with `argv`, in one line, with the nearest match where a name is unknown. */
export function usageMessage(error: CommanderError, program: Command, argv: readonly string[]): string {
  const command = program.commands.find((each) => argv.includes(each.name()));
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\. Allowed choices are (.*)\.$/, ', choose from $1')
    .replaceAll("'", '`');
  const unknown = /`([^`]*)`/.exec(message)?.[1] ?? '';
  const advice = didYouMean(unknown, known(error.code, command, program));
  if (advice !== undefined) return `${message}; ${advice}`;
  return `${message}; see \`${command === undefined ? '' : `${program.name()} `}${(command ?? program).name()} --help\``;
}

function known(code: string, command: Command | undefined, program: Command): readonly string[] {
  if (code === 'commander.unknownCommand') return program.commands.map((each) => each.name());
  if (code !== 'commander.unknownOption') return [];
  const { options } = command ?? program;
  return [...options.flatMap(({ long }) => long ?? []), '--help'];
}
