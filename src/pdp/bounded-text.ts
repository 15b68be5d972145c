const MAX_LENGTH = 1024;

/** Text of an external engine, cut to what a diagnostic or a reason may hold. */
export function boundedText(text: string): string {
  if (text.length <= MAX_LENGTH) return text;
  const cut = text.slice(0, MAX_LENGTH - 1);
  // A pair of surrogates is not cut in two.
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
