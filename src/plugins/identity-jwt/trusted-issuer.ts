import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PluginContext } from '../../engine/plugin.ts';
import type { Algorithm } from './algorithms.ts';
import type { DecodingKeyConfig, IdentityRole, TrustedIssuerConfig } from './config.ts';
import { KeySetError } from './fetch-key-set.ts';
import { inlineKey } from './key-source.ts';
import type { KeySource } from './key-source.ts';
import { remoteKeySet } from './remote-key-set.ts';
import { ACCESS_TOKEN_TYPES, WORKLOAD_TOKEN_TYPES, normalizeTokenType } from './token-type.ts';
import { KeyError, keyFromJwk, keyFromPem, keyFromSecret } from './verification-key.ts';
import type { VerificationKey } from './verification-key.ts';

const DEFAULT_LEEWAY_SECONDS = 60;
const DEFAULT_REFRESH_SECONDS = 600;
const DEFAULT_MAX_STALE_SECONDS = 3600;

export interface TrustedIssuer {
  readonly issuer: string;
  /** Undefined when the audience is not checked. */
  readonly audiences: readonly string[] | undefined;
  readonly algorithms: ReadonlySet<Algorithm>;
  readonly leewaySeconds: number;
  readonly keys: KeySource;
  /** Normalised. */
  readonly tokenTypes: ReadonlySet<string>;
  /** Whether a token without `typ` is taken. */
  readonly untypedTokens: boolean;
  readonly idTokens: boolean;
  /** Undefined when the issuer may speak for any. */
  readonly trustDomains: ReadonlySet<string> | undefined;
}

function keySetUrl(text: string, insecure: boolean, place: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Error(`\`${place}.url\` is not an https URL`);
  }
  if (url.username !== '' || url.password !== '') throw new Error(`\`${place}.url\` holds credentials; leave them out`);
  if (url.protocol === 'http:' && !insecure) {
    throw new Error(`\`${place}.url\` is plain http; use https, or set \`insecure_http: true\` for a trial`);
  }
  return url.href;
}

function readPem(path: string, baseDirectory: string, place: string): string {
  try {
    return readFileSync(resolve(baseDirectory, path), 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new Error(`\`${place}.path\` names a file that cannot be read: \`${path}\` (${code})`, { cause: error });
  }
}

function inlineKeyOf(
  config: Exclude<DecodingKeyConfig, { kind: 'jwks_url' }>,
  baseDirectory: string,
  place: string,
): VerificationKey {
  try {
    switch (config.kind) {
      case 'pem':
        return keyFromPem(config.pem);
      case 'pem_file':
        return keyFromPem(readPem(config.path, baseDirectory, place));
      case 'jwk':
        return keyFromJwk(config.jwk);
      case 'secret':
        return keyFromSecret(config.secret);
    }
  } catch (error) {
    if (error instanceof KeyError) throw new Error(`the key of \`${place}\` ${error.message}`, { cause: error });
    throw error;
  }
}

/** RFC 7518 section 3.2 asks for as many bytes as the hash has: a shorter secret can be guessed from one token. */
function warnOfShortSecret({ key }: VerificationKey, config: TrustedIssuerConfig, context: PluginContext): void {
  const bytes = key.symmetricKeySize;
  if (bytes === undefined) return;
  const needed = config.algorithms
    .filter((algorithm) => algorithm.startsWith('HS'))
    .map((algorithm) => Number(algorithm.slice(2)) / 8);
  const most = Math.max(...needed);
  if (bytes >= most) return;
  context.alarm({ alarm: 'identity_weak_secret', plugin: context.name, issuer: config.issuer, bytes, needed: most });
}

function keySource(config: TrustedIssuerConfig, context: PluginContext, place: string): KeySource {
  const { decoding_key: decodingKey, algorithms, issuer } = config;
  const { alarm, name, now } = context;
  if (decodingKey.kind === 'jwks_url') {
    if (algorithms.every((algorithm) => algorithm.startsWith('HS'))) {
      throw new Error(`\`${place}\` is a key set, but \`algorithms\` has only those of shared secrets`);
    }
    return remoteKeySet({
      url: keySetUrl(decodingKey.url, decodingKey.insecure_http ?? false, place),
      refreshMs: (decodingKey.refresh_secs ?? DEFAULT_REFRESH_SECONDS) * 1000,
      maxStaleMs: (decodingKey.max_stale_secs ?? DEFAULT_MAX_STALE_SECONDS) * 1000,
      now,
      onFailure: (error, failures) =>
        alarm({
          alarm: 'jwks_fetch_failed',
          plugin: name,
          issuer,
          reason: error instanceof KeySetError ? error.failure : 'internal',
          status: error instanceof KeySetError ? error.status : undefined,
          failures,
        }),
    });
  }
  const key = inlineKeyOf(decodingKey, context.baseDirectory, place);
  if (!algorithms.some((algorithm) => key.algorithms.has(algorithm))) {
    throw new Error(
      `no entry of \`algorithms\` fits the key of \`${place}\`, which verifies ${[...key.algorithms].join(', ')}`,
    );
  }
  warnOfShortSecret(key, config, context);
  return inlineKey(key);
}

function trustedIssuer(
  config: TrustedIssuerConfig,
  role: IdentityRole,
  context: PluginContext,
  place: string,
): TrustedIssuer {
  if (config.issuer.trim() === '') throw new Error(`\`${place}.issuer\` is blank`);
  const types = config.token_types ?? (role === 'caller_workload' ? WORKLOAD_TOKEN_TYPES : ACCESS_TOKEN_TYPES);
  const audiences = config.audiences ?? [];
  return {
    issuer: config.issuer,
    audiences: audiences.length > 0 ? audiences : undefined,
    algorithms: new Set(config.algorithms),
    leewaySeconds: config.leeway_seconds ?? DEFAULT_LEEWAY_SECONDS,
    keys: keySource(config, context, `${place}.decoding_key`),
    tokenTypes: new Set(types.map(normalizeTokenType)),
    untypedTokens: config.token_types === undefined,
    idTokens: config.accept_id_tokens ?? false,
    trustDomains: config.trust_domains && new Set(config.trust_domains),
  };
}

/**
 * The issuers of a config by their `iss`. Throws an `Error` that tells the author what is wrong; dials nobody. Files are
 * read here and not again.
 */
export function trustedIssuers(
  configs: readonly TrustedIssuerConfig[],
  role: IdentityRole,
  context: PluginContext,
): ReadonlyMap<string, TrustedIssuer> {
  const issuers = new Map<string, TrustedIssuer>();
  for (const [index, config] of configs.entries()) {
    const place = `trusted_issuers[${index}]`;
    if (issuers.has(config.issuer)) throw new Error(`\`${place}.issuer\` is listed before; each issuer has one entry`);
    if (role !== 'caller_workload' && config.trust_domains) {
      throw new Error(`\`${place}.trust_domains\` has a meaning for the role \`caller_workload\` only`);
    }
    if (role === 'caller_workload' && configs.length > 1 && !config.trust_domains) {
      throw new Error(`\`${place}\` needs \`trust_domains\`: with several issuers each must say which it speaks for`);
    }
    issuers.set(config.issuer, trustedIssuer(config, role, context, place));
  }
  return issuers;
}
