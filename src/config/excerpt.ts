const MAX_LENGTH = 60;

/** The first line of `text` in backticks, cut to a length that fits a message. */
export function excerpt(text: string): string {
  const line = /^[^\r\n]*/.exec(text.slice(0, MAX_LENGTH))?.[0] ?? '';
  return line.length === text.length ? `\`${text}\`` : `\`${line}…\``;
}
