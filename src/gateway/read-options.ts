/** Throws `TypeError`, without the text, for what is no URL that an upstream can have. */
export function readUpstream(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError('the upstream is not a URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError('the upstream must be an http or https URL');
  if (url.username !== '' || url.password !== '') throw new TypeError('the upstream URL must not hold credentials');
  if (url.search !== '' || url.hash !== '') throw new TypeError('the upstream URL must not have a query or fragment');
  return url;
}

/** The URL as it can stand in a quoted string of a header. Throws `TypeError` for what is no URL. */
export function readResourceMetadata(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (!URL.canParse(text)) throw new TypeError('the resource metadata is not a URL');
  return new URL(text).href.replaceAll('"', '%22');
}
