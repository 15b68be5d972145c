const MAX_LENGTH = 50;

/**
 * What of a purpose can go to a phone: ASCII letters and digits, runs of blanks as one hyphen. Undefined when nothing is
 * left. Source: reference facts on the built-in kinds, `elicitation/ciba` runtime.
 */
export function bindingMessage(purpose: string): string | undefined {
  let message = '';
  for (const character of purpose) {
    if (/[A-Za-z0-9]/.test(character)) message += character;
    else if (/\s/.test(character) && message !== '' && !message.endsWith('-')) message += '-';
  }
  const cut = message.slice(0, MAX_LENGTH).replace(/-+$/, '');
  return cut === '' ? undefined : cut;
}
