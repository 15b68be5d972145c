import { secretSchema } from '../text/secret-schema.ts';

/** Parts of JSON Schemas that the blocks of a bundle share which lead to a connection. */
export const address = {
  type: 'string',
  minLength: 1,
  writeOnly: true,
  description: 'a server as `host:port`; IPv6 in brackets',
} as const;

const path = { type: 'string', minLength: 1, description: "a relative path starts from the bundle's folder" } as const;

/** A secret that the bundle itself does not hold. */
export const externalSecretSchema = (description: string): Readonly<Record<string, unknown>> =>
  secretSchema(description, ['env_var', 'file']);

export const username = { type: 'string', minLength: 1, description: 'user of the access control list' } as const;
export const password = {
  type: 'string',
  minLength: 1,
  writeOnly: true,
  description: 'of the user, or the default one',
} as const;
export const passwordSource = externalSecretSchema(
  'where the password comes from; a file is read again at each connection',
);

/** Keys of a `tls` map; the files come with `readTlsFiles`. */
export const tlsKeys = {
  ca_file: { ...path, description: 'certificates that are trusted instead of those of the system' },
  cert_file: { ...path, description: 'certificate that the gateway shows' },
  key_file: { ...path, description: 'private key of that certificate' },
  server_name: { type: 'string', minLength: 1, description: "name that the server's certificate must carry" },
} as const;
