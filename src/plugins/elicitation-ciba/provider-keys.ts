import { request } from 'undici';
import type { KeySource } from '../identity-jwt/key-source.ts';
import { remoteKeySet } from '../identity-jwt/remote-key-set.ts';
import { endpointUrl } from '../endpoint-url.ts';
import { CibaError } from './failures.ts';

/** Whose ID tokens count, and the keys that sign them. */
export interface ProviderKeys {
  readonly issuer: string;
  readonly keys: KeySource;
}

export interface ProviderKeysOptions {
  readonly issuer: string | undefined;
  readonly jwksUrl: string | undefined;
  readonly tokenEndpoint: string;
  readonly insecure: boolean;
  /** Whole time of one request, in milliseconds. */
  readonly timeout: number;
  readonly now: () => number;
  readonly onKeyFailure: (failures: number) => void;
}

const MAX_METADATA_BYTES = 256 * 1024;
const REFRESH_MS = 600_000;
const MAX_STALE_MS = 3_600_000;
/** Issuers above a token endpoint that are looked at. */
const MAX_CANDIDATES = 6;

/**
 * Finds out once whose ID tokens count: as configured, or by the discovery document (OpenID Connect Discovery 1.0) that
 * names its own address as issuer and `tokenEndpoint` as its token endpoint. Nothing is dialled before it is asked for.
 */
export class ProviderKeyring {
  readonly #options: ProviderKeysOptions;
  readonly #closed = new AbortController();
  #found: ProviderKeys | undefined;
  #finding: Promise<ProviderKeys> | undefined;

  constructor(options: ProviderKeysOptions) {
    this.#options = options;
    const { issuer, jwksUrl } = options;
    if (issuer !== undefined && jwksUrl !== undefined) this.#found = this.#keysOf(issuer, jwksUrl);
  }

  /** Rejects with `CibaError`. */
  async find(): Promise<ProviderKeys> {
    if (this.#found !== undefined) return this.#found;
    this.#finding ??= this.#discover().finally(() => {
      this.#finding = undefined;
    });
    this.#found = await this.#finding;
    return this.#found;
  }

  close(): void {
    this.#closed.abort();
    this.#found?.keys.close();
  }

  async #discover(): Promise<ProviderKeys> {
    const { issuer, tokenEndpoint, insecure } = this.#options;
    for (const candidate of issuer === undefined ? candidatesAbove(tokenEndpoint) : [issuer]) {
      const metadata = await this.#metadataOf(candidate);
      if (metadata === undefined || metadata['issuer'] !== candidate) continue;
      if (!isSameAddress(metadata['token_endpoint'], tokenEndpoint)) continue;
      const url = metadata['jwks_uri'];
      if (typeof url === 'string') return this.#keysOf(candidate, endpointUrl(url, insecure, 'jwks_uri').href);
    }
    throw new CibaError('elicitation.keys_unavailable');
  }

  #keysOf(issuer: string, url: string): ProviderKeys {
    const { now, onKeyFailure } = this.#options;
    const onFailure = (_error: unknown, failures: number): void => onKeyFailure(failures);
    return { issuer, keys: remoteKeySet({ url, refreshMs: REFRESH_MS, maxStaleMs: MAX_STALE_MS, now, onFailure }) };
  }

  async #metadataOf(issuer: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const signal = AbortSignal.any([AbortSignal.timeout(this.#options.timeout), this.#closed.signal]);
    try {
      const { statusCode, body } = await request(url, { headers: { accept: 'application/json' }, signal, reset: true });
      if (statusCode !== 200) {
        // Destroying a body that was not read raises an error on it.
        body.on('error', () => undefined).destroy();
        return undefined;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_METADATA_BYTES) return undefined;
        chunks.push(chunk);
      }
      const metadata: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      return typeof metadata === 'object' && metadata !== null ? { ...metadata } : undefined;
    } catch {
      throw new CibaError('elicitation.keys_unavailable');
    }
  }
}

function isSameAddress(given: unknown, address: string): boolean {
  return typeof given === 'string' && URL.canParse(given) && new URL(given).href === address;
}

/** The addresses above an endpoint, the nearest first, each as an issuer would write it. */
function candidatesAbove(endpoint: string): readonly string[] {
  const { origin, pathname } = new URL(endpoint);
  const parts = pathname.split('/').filter((part) => part !== '');
  const prefixes = parts.map(
    (_, i) =>
      origin +
      parts
        .slice(0, i)
        .map((part) => `/${part}`)
        .join(''),
  );
  return prefixes.toReversed().slice(0, MAX_CANDIDATES);
}
