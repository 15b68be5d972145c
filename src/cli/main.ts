import { Command, CommanderError } from 'commander';
import { approvalsCommand } from './commands/approvals.ts';
import { auditCommand } from './commands/audit.ts';
import { checkCommand } from './commands/check.ts';
import { codesCommand } from './commands/codes.ts';
import { doctorCommand } from './commands/doctor.ts';
import { evalCommand } from './commands/eval.ts';
import { explainCommand } from './commands/explain.ts';
import { initCommand } from './commands/init.ts';
import { schemaCommand } from './commands/schema.ts';
import { serveCommand } from './commands/serve.ts';
import { packageVersion } from '../config/package-version.ts';
import { systemErrorText } from './system-error.ts';
import { Terminal, type ExitCode, type ProcessStreams } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { usageMessage } from './usage-message.ts';

const COMMANDS = [
  checkCommand,
  evalCommand,
  explainCommand,
  serveCommand,
  approvalsCommand,
  doctorCommand,
  auditCommand,
  schemaCommand,
  codesCommand,
  initCommand,
];

/**
 * Runs the command that `argv` (without interpreter and script) names. Resolves with the exit code when all output has
 * left, or cannot; never rejects, and leaves the process as it is but for listeners on its streams.
 */
export async function main(argv: readonly string[], streams: ProcessStreams): Promise<ExitCode> {
  const terminal = new Terminal(streams);
  const program = programOf(terminal);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    await fail(error, program, argv, terminal);
  }
  await terminal.stdout.flush();
  await terminal.stderr.flush();
  const { failure } = terminal.stdout;
  if (failure !== undefined && !isClosed(failure)) {
    await terminal.complain(`the output cannot be written: ${systemErrorText(failure) ?? failure.message}`);
    terminal.exitCode = 2;
  }
  return terminal.exitCode;
}

function programOf(terminal: Terminal): Command {
  const program = new Command('indelible')
    .description('Policy engine for AI gateways.')
    .version(packageVersion(), '--version', 'print the package version')
    .helpCommand(false);
  for (const commandOf of COMMANDS) program.addCommand(commandOf(terminal));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showSuggestionAfterError(false)
      .helpOption('-h, --help', 'print this help')
      .configureOutput({
        writeOut: (text) => void terminal.stdout.write(text),
        writeErr: (text) => void terminal.stderr.write(text),
        // The message comes from `usageMessage` instead.
        outputError: () => undefined,
      });
  }
  return program;
}

async function fail(error: unknown, program: Command, argv: readonly string[], terminal: Terminal): Promise<void> {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  terminal.exitCode = 2;
  if (error instanceof CommanderError) {
    // The help that stands for a missing command is printed already.
    if (error.code !== 'commander.help') await terminal.complain(usageMessage(error, program, argv));
    return;
  }
  if (error instanceof UsageError) {
    await terminal.complain(error.message);
    return;
  }
  const text = systemErrorText(error);
  if (text !== undefined) {
    await terminal.complain(error instanceof Error && 'path' in error ? `\`${String(error.path)}\`: ${text}` : text);
    return;
  }
  await terminal.stderr.write(`indelible: internal error\n${error instanceof Error ? error.stack : String(error)}\n`);
}

function isClosed(error: Error): boolean {
  return 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
}
