import type { Code } from '../diagnostics/catalog.ts';
import { DEFAULT_PORT, DEFAULT_SENTINEL_PORT, isLoopback, parseAddress } from '../valkey/address.ts';
import { timeLimits, type RedisConfig } from './redis-config.ts';

/** How long sessions live, in milliseconds. */
export interface Lifetimes {
  /** Since the last touch. */
  readonly ttl: number;
  /** Since `createdAt`. */
  readonly maxLifetime?: number;
}

/** Something wrong with a config; `transport/insecure-skip-verify` alone is only doubtful. */
export interface RedisConfigFinding {
  readonly code: Extract<Code, `transport/${string}`> | 'config/unknown-key';
  /** Path of the key, such as `['tls', 'insecureSkipVerify']`; empty for the config as a whole. */
  readonly key: readonly string[];
  /** Repeats nothing that may hold credentials. */
  readonly message: string;
  readonly help?: string;
}

const CREDENTIAL_KEYS = ['username', 'password', 'passwordSource'];
const LIMIT_KEYS = ['dialTimeout', 'readTimeout', 'writeTimeout'];
const KEYS = ['addr', 'sentinel', 'db', 'keyPrefix', 'tls', ...CREDENTIAL_KEYS, ...LIMIT_KEYS];
const SENTINEL_KEYS = ['masterName', 'addrs', ...CREDENTIAL_KEYS];
const TLS_KEYS = ['insecureSkipVerify', 'caCert', 'caFile', 'certFile', 'keyFile', 'serverName'];

/** Everything wrong with `config`; `spell` says how messages write a key. */
export function checkRedisConfig(
  config: RedisConfig,
  lifetimes: Lifetimes,
  spell: (key: string) => string = (key) => key,
): readonly RedisConfigFinding[] {
  const check = new Check((key) => `\`${spell(key)}\``);
  check.keys(config);
  check.deployment(config);
  check.credentials(config, []);
  if (config.sentinel !== undefined) check.credentials(config.sentinel, ['sentinel']);
  check.values(config, lifetimes);
  check.tls(config.tls);
  return check.findings;
}

class Check {
  readonly findings: RedisConfigFinding[] = [];
  readonly #name: (key: string) => string;

  constructor(name: (key: string) => string) {
    this.#name = name;
  }

  keys(config: RedisConfig): void {
    const unknown = (part: object, known: readonly string[], path: readonly string[]): void => {
      for (const key of Object.keys(part)) {
        if (!known.includes(key)) this.#add('config/unknown-key', [...path, key], `the key \`${key}\` is unknown`);
      }
    };
    unknown(config, KEYS, []);
    if (config.sentinel !== undefined) unknown(config.sentinel, SENTINEL_KEYS, ['sentinel']);
    if (config.tls !== undefined) unknown(config.tls, TLS_KEYS, ['tls']);
  }

  deployment({ addr, sentinel, tls }: RedisConfig): void {
    const names = `${this.#name('addr')} and ${this.#name('sentinel')}`;
    if (addr === undefined && sentinel === undefined) {
      this.#add('transport/one-deployment', [], `neither of ${names} is given`, 'give one of them');
    } else if (addr !== undefined && sentinel !== undefined) {
      this.#add('transport/one-deployment', ['sentinel'], `${names} are both given`, 'keep one of them');
    }
    const plaintext = tls === undefined;
    if (addr !== undefined) this.#address(addr, DEFAULT_PORT, ['addr'], plaintext);
    if (sentinel === undefined) return;
    if (sentinel.masterName === '') {
      this.#add('transport/address', ['sentinel', 'masterName'], `${this.#name('masterName')} is empty`);
    }
    if (sentinel.addrs.length === 0) {
      this.#add('transport/address', ['sentinel', 'addrs'], `${this.#name('addrs')} names no Sentinel`);
    }
    for (const text of sentinel.addrs) {
      this.#address(text, DEFAULT_SENTINEL_PORT, ['sentinel', 'addrs'], plaintext);
    }
  }

  credentials(
    { username, password, passwordSource }: Pick<RedisConfig, 'username' | 'password' | 'passwordSource'>,
    path: readonly string[],
  ): void {
    if (password !== undefined && passwordSource !== undefined) {
      const message = `${this.#name('password')} and ${this.#name('passwordSource')} are both given`;
      this.#add('transport/credentials', [...path, 'passwordSource'], message, 'give the password in one place');
    }
    if (username !== undefined && password === undefined && passwordSource === undefined) {
      const message = `${this.#name('username')} is given without a password`;
      const help = `add ${this.#name('password')} or ${this.#name('passwordSource')}`;
      this.#add('transport/credentials', [...path, 'username'], message, help);
    }
  }

  values(config: RedisConfig, lifetimes: Lifetimes): void {
    const { keyPrefix, db } = config;
    if (!/^[^\s{}]+:$/.test(keyPrefix)) {
      const message = `${this.#name('keyPrefix')} must end in a colon, and hold no blanks or braces`;
      this.#add('transport/key-prefix', ['keyPrefix'], message, 'write it like `mcp:session:`');
    }
    for (const [key, value] of Object.entries({ ...lifetimes, ...timeLimits(config) })) {
      if (!(value > 0)) this.#add('transport/range', [key], `${this.#name(key)} must be positive`);
    }
    if (db !== undefined && !(Number.isSafeInteger(db) && db >= 0)) {
      this.#add('transport/range', ['db'], `${this.#name('db')} must be a whole number that is not negative`);
    }
  }

  tls(tls: RedisConfig['tls']): void {
    if (tls === undefined) return;
    const [caCert, caFile] = [this.#name('caCert'), this.#name('caFile')];
    if (tls.caCert !== undefined && tls.caFile !== undefined) {
      this.#add('transport/tls', ['tls', 'caCert'], `${caCert} and ${caFile} are both given`, 'keep one of them');
    }
    if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
      const message = `one of ${this.#name('certFile')} and ${this.#name('keyFile')} is given without the other`;
      this.#add('transport/tls', ['tls'], message);
    }
    if (tls.insecureSkipVerify === true) {
      const message = `${this.#name('insecureSkipVerify')} accepts any certificate`;
      const help = `trust a private authority by ${caFile} or ${caCert}`;
      this.#add('transport/insecure-skip-verify', ['tls', 'insecureSkipVerify'], message, help);
    }
  }

  #address(text: string, port: number, path: readonly string[], plaintext: boolean): void {
    const name = this.#name(path.at(-1) ?? '');
    const address = parseAddress(text, port);
    if (address === undefined) {
      const code = text.includes('@') ? 'transport/credentials' : 'transport/address';
      const keys = `${this.#name('username')}, ${this.#name('password')} and ${this.#name('tls')}`;
      this.#add(code, path, `${name} is not \`host:port\``, `user, password and TLS are the keys ${keys}`);
    } else if (plaintext && !isLoopback(address.host)) {
      const message = `\`${address.host}\` is not this machine, so it needs ${this.#name('tls')}`;
      this.#add('transport/plaintext', path, message, 'plaintext is for loopback addresses');
    }
  }

  #add(code: RedisConfigFinding['code'], key: readonly string[], message: string, help?: string): void {
    this.findings.push({ code, key, message, ...(help === undefined ? {} : { help }) });
  }
}
