const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * The address of a server. Plain http is for this machine, unless `insecure` allows it.
 * Throws an `Error` for the author that names the key `place`, without what the address may hold.
 */
export function endpointUrl(text: string, insecure: boolean, place: string): URL {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Error(`\`${place}\` is not an https URL`);
  }
  if (url.username !== '' || url.password !== '') throw new Error(`\`${place}\` holds credentials; leave them out`);
  if (url.hash !== '') throw new Error(`\`${place}\` has a fragment; leave it out`);
  if (isCleartext(url) && !insecure) {
    throw new Error(`\`${place}\` is plain http to another machine; use https, or \`insecure_http: true\` for a trial`);
  }
  return url;
}

/** Whether what goes to `url` can be read on the way. */
export function isCleartext(url: URL): boolean {
  return url.protocol === 'http:' && !LOOPBACK.test(url.hostname);
}
