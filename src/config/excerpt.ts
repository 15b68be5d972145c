const MAX_LENGTH = 60;

/** `text` in backticks, cut to a length that fits a message. */
export function excerpt(text: string): string {
  return text.length <= MAX_LENGTH ? `\`${text}\`` : `\`${text.slice(0, MAX_LENGTH)}…\``;
}
