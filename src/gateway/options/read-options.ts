import type { BackendLabels } from '../../engine/restrict.ts';
import type { GatewayOptions, UpstreamOptions } from './gateway-options.ts';

/** An upstream whose options can be used. */
export interface CheckedUpstream {
  readonly name: string;
  readonly url: URL;
  /** Path of its MCP endpoint. */
  readonly mcpPath: string;
  readonly labels: BackendLabels;
}

const NAME = /^[\w.:[\]-]{1,128}$/;

/**
 * The upstreams in the order given; a single one that is given as a URL is called by its host. Throws `TypeError`, without
 * URLs in the text, for none, for two of one name, and for what no upstream can have.
 */
export function readUpstreams(
  { upstream, upstreams }: Pick<GatewayOptions, 'upstream' | 'upstreams'>,
  rankOf: (tier: string) => number | undefined,
): readonly [CheckedUpstream, ...CheckedUpstream[]] {
  if ((upstream === undefined) === (upstreams === undefined)) {
    throw new TypeError('give either `upstream` or `upstreams`');
  }
  const given = upstreams ?? [];
  const [first, ...others] = upstream === undefined ? given.map((each) => check(each, rankOf)) : [checkUrl(upstream)];
  if (first === undefined) throw new TypeError('there has to be an upstream');
  const names = new Set([first.name, ...others.map(({ name }) => name)]);
  if (names.size !== others.length + 1) throw new TypeError('two upstreams have the same name');
  return [first, ...others];
}

/** Ranks cost tiers: by their place in `tiers`, cheapest first, else numbers by their value. */
export function tierRanks(tiers: readonly string[] | undefined): (tier: string) => number | undefined {
  if (tiers === undefined) return (tier) => (/^\d{1,9}(\.\d{1,6})?$/.test(tier) ? Number(tier) : undefined);
  if (new Set(tiers).size !== tiers.length) throw new TypeError('a cost tier is listed twice');
  const ranks = new Map(tiers.map((tier, rank) => [tier, rank]));
  return (tier) => ranks.get(tier);
}

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

function check(
  { name, url, labels = {} }: UpstreamOptions,
  rankOf: (tier: string) => number | undefined,
): CheckedUpstream {
  if (!NAME.test(name))
    throw new TypeError('the name of an upstream has to be 1 to 128 letters, digits, `_`, `.`, `:`, `-`');
  const tier = labels['cost_tier'];
  if (tier !== undefined && rankOf(tier) === undefined) {
    throw new TypeError(`the cost tier of upstream ${name} has no rank: use a number, or list the tiers`);
  }
  return { ...checkUrl(url), name, labels: { ...labels } };
}

function checkUrl(text: string): CheckedUpstream {
  const url = readUpstream(text);
  return { name: url.host, url, mcpPath: url.pathname === '/' ? '/mcp' : url.pathname, labels: {} };
}
