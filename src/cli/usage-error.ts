/** The command cannot be carried out as given: exit code 2. `message` is one line for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
