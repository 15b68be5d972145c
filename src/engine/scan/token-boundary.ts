/** Letters that an escape sequence in a quoted string ends with: `\n4111…` does not start with an `n`. */
const ESCAPES = 'bfnrt';

/** Whether no ASCII letter or digit stands directly before `index`. */
export function startsToken(text: string, index: number): boolean {
  if (index === 0 || !isAlphanumeric(text.charCodeAt(index - 1))) return true;
  return text[index - 2] === '\\' && ESCAPES.includes(text.charAt(index - 1));
}

/** Whether no ASCII letter or digit stands at `index`. */
export function endsToken(text: string, index: number): boolean {
  return index >= text.length || !isAlphanumeric(text.charCodeAt(index));
}

/** Whether a digit and one of `separators` stand directly before `index`: what starts here belongs to a longer number. */
export function continuesNumber(text: string, index: number, separators: string): boolean {
  return index >= 2 && separators.includes(text.charAt(index - 1)) && isDigit(text.charCodeAt(index - 2));
}

/** Whether one of `separators` and a digit stand at `index`: what ends here goes on as a longer number. */
export function numberContinues(text: string, index: number, separators: string): boolean {
  return index + 1 < text.length && separators.includes(text.charAt(index)) && isDigit(text.charCodeAt(index + 1));
}

/** Of an ASCII digit; NaN is none. */
export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

export function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const UUID_LENGTH = 36;

/** Whether part of the range belongs to a UUID. */
export function touchesUuid(text: string, start: number, end: number): boolean {
  const from = Math.max(0, start - UUID_LENGTH);
  for (const { index } of text.slice(from, end + UUID_LENGTH).matchAll(UUID)) {
    if (from + index < end && from + index + UUID_LENGTH > start) return true;
  }
  return false;
}
