import type { Command, CommanderError } from 'commander';
import { didYouMean } from '../diagnostics/nearest.ts';

const CHOICE =
  /^error: (?:option '(?<option>.+?)' argument|command-argument value) '(?<given>.*)' is invalid(?: for argument '(?<argument>.+?)')?\. Allowed choices are (?<choices>.*)\.$/s;

/** What is wrong with `argv`, in one line, with the nearest match where a name is unknown. */
export function usageMessage(error: CommanderError, program: Command, argv: readonly string[]): string {
  const command = program.commands.find((each) => each.name() === argv[0]);
  const choice = CHOICE.exec(error.message)?.groups;
  if (choice !== undefined) {
    const { option, argument, given = '', choices = '' } = choice;
    const advice = didYouMean(given, choices.split(', '));
    return `\`${given}\` is no choice for \`${option ?? argument ?? ''}\`; ${advice ?? `choose from ${choices}`}`;
  }
  const message = error.message.replace(/^error: /, '').replaceAll("'", '`');
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
