import type { Engine } from '../../src/engine/engine.ts';

interface Diagnostic {
  readonly code: string;
  readonly message: string;
}

type Loaded =
  | { readonly ok: true; readonly bundle: object; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

interface Indelible {
  readonly loadBundle: (path: string) => Promise<Loaded>;
  readonly createEngine: (bundle: object) => Engine;
}

interface GatewayModule {
  readonly createGateway: (options: {
    readonly engine: Engine;
    readonly upstream: string;
    readonly listen: { readonly host: string; readonly port: number };
  }) => { listen(): Promise<{ readonly url: string }>; close(): Promise<void> };
}

export interface PolicyGateway {
  /** The MCP endpoint. */
  readonly url: string;
  /** Lets what is in flight end first. */
  close(): Promise<void>;
}

/** Starts the gateway on 127.0.0.1, with the policy bundle at `policy`, in front of the MCP endpoint `upstream`. */
export async function startPolicyGateway(policy: string, upstream: string, port: number): Promise<PolicyGateway> {
  const [library, gatewayModule] = ['../../src/index.ts', '../../src/gateway/index.ts'];
  const { loadBundle, createEngine } = (await import(library ?? '')) as Indelible;
  const { createGateway } = (await import(gatewayModule ?? '')) as GatewayModule;
  const loaded = await loadBundle(policy);
  if (!loaded.ok) {
    throw new Error(
      `the policy was rejected:\n${loaded.diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n')}`,
    );
  }
  const engine = createEngine(loaded.bundle);
  const gateway = createGateway({ engine, upstream, listen: { host: '127.0.0.1', port } });
  const { url } = await gateway.listen();
  return {
    url,
    async close() {
      await gateway.close();
      await engine.close();
    },
  };
}
