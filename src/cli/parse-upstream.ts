import { InvalidArgumentError } from 'commander';
import type { UpstreamOptions } from '../gateway/index.ts';

/**
 * Reads a value of `--upstream`: a URL, or `name=eu,url=https://…,region=eu-west-1` with what `restrict` is matched with.
 * A plain URL has the host for its name and no labels. Throws `InvalidArgumentError`.
 */
export function parseUpstream(text: string): UpstreamOptions {
  if (isHttpUrl(text)) return { name: new URL(text).host, url: text };
  const pairs = new Map<string, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    const key = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    if (equals === -1 || key === '' || value === '') {
      throw new InvalidArgumentError('It has to be an http:// or https:// URL, or name=NAME,url=URL,LABEL=VALUE….');
    }
    if (pairs.has(key)) throw new InvalidArgumentError(`\`${key}\` is given twice.`);
    pairs.set(key, value);
  }
  const name = pairs.get('name');
  const url = pairs.get('url');
  if (name === undefined || url === undefined) throw new InvalidArgumentError('It needs a name and a url.');
  if (!isHttpUrl(url)) throw new InvalidArgumentError('Its url has to be an http:// or https:// URL.');
  pairs.delete('name');
  pairs.delete('url');
  return { name, url, labels: Object.fromEntries(pairs) };
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
