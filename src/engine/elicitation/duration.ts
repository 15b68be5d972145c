const DURATION = /^\s*(\d{1,9})\s*([smhd]?)\s*$/;
const SECONDS = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 } as const;
/** Longest life of a question, in milliseconds. */
export const MAX_DURATION = 7 * 86_400_000;

/** Milliseconds of a `timeout` such as `90`, `90s`, `5m`, `24h` or `2d`; undefined for anything else. At most a week. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  const count = Number(match?.[1]);
  if (match === null || count === 0) return undefined;
  const unit = match[2];
  const seconds = unit === 's' || unit === 'm' || unit === 'h' || unit === 'd' ? SECONDS[unit] : 1;
  return Math.min(count * seconds * 1000, MAX_DURATION);
}
