/** Whether a route's entity text is a pattern rather than a name. */
export function isGlob(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('?');
}

/**
 * Whole-text, case-sensitive match: `*` stands for any run of characters, `?` for exactly one. With `wildcards` `*`, a
 * `?` is an ordinary character. Time is at most the product of both lengths.
 */
export function matchesGlob(pattern: string, text: string, wildcards: '*' | '*?' = '*?'): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    const character = pattern[p];
    if (character === '*') {
      star = p;
      resume = t;
      p += 1;
    } else if (character !== undefined && (character === text[t] || (character === '?' && wildcards === '*?'))) {
      p += 1;
      t += character === '?' && (text.codePointAt(t) ?? 0) > 0xffff ? 2 : 1;
    } else if (star !== -1) {
      p = star + 1;
      resume += 1;
      t = resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
