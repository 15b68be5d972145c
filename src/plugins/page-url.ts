import { isCleartext } from './endpoint-url.ts';

const MAX_LENGTH = 2048;

/** Whether people can be sent to this address: https, or http on this machine, without credentials or fragment. */
export function isPageUrl(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > MAX_LENGTH || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    !isCleartext(url) &&
    url.username === '' &&
    url.password === '' &&
    url.hash === ''
  );
}
