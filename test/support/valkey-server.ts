import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Redis, type RedisOptions } from 'iovalkey';

const HOW_TO_INSTALL =
  'neither valkey-server nor redis-server is installed: run `apt-get install -y -t bookworm-backports valkey-server`';

/** Path of the server program, Valkey before Redis. Throws with the command that installs one. */
export function serverProgram(): string {
  for (const name of ['valkey-server', 'redis-server']) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  throw new Error(HOW_TO_INSTALL);
}

export interface ServerOptions {
  /** Lines of the configuration beside port, folder and address. */
  readonly config?: readonly string[];
  /** Runs the program as a Sentinel. */
  readonly sentinel?: boolean;
  /** The port is for TLS only. */
  readonly tls?: boolean;
  /** How `admin` logs in. */
  readonly client?: RedisOptions;
  readonly port?: number;
}

const running = new Set<ChildProcess>();

/** A test that fails half way, or is ended from outside, leaves no server behind. */
function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

process.once('exit', killAll);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

/** A server of its own on a loopback port, with a temporary folder; stopped by `stop`. */
export class ValkeyServer {
  readonly port: number;
  readonly folder: string;
  readonly #options: ServerOptions;
  #process: ChildProcess | undefined;
  #output = '';

  constructor(port: number, folder: string, options: ServerOptions) {
    this.port = port;
    this.folder = folder;
    this.#options = options;
  }

  static async start(options: ServerOptions = {}): Promise<ValkeyServer> {
    const folder = await mkdtemp(join(tmpdir(), 'valkey-'));
    const server = new ValkeyServer(options.port ?? (await freePort()), folder, options);
    const { config = [], tls, sentinel } = options;
    const lines = [
      ...(tls === true ? [`tls-port ${server.port}`, 'port 0'] : [`port ${server.port}`]),
      'bind 127.0.0.1',
      `dir ${folder}`,
      'daemonize no',
      ...(sentinel === true ? [] : ['save ""', 'enable-debug-command local']),
      ...config,
    ];
    await writeFile(join(folder, 'server.conf'), `${lines.join('\n')}\n`);
    await server.run();
    return server;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('the server does not run');
    return pid;
  }

  /** What the server printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Starts the program on the files as they are; resolves when it accepts connections. */
  async run(): Promise<void> {
    const { sentinel } = this.#options;
    const args = [join(this.folder, 'server.conf'), ...(sentinel === true ? ['--sentinel'] : [])];
    const child = spawn(serverProgram(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    // A server that was not stopped must not keep the process of the tests.
    child.unref();
    for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
    this.#process = child;
    running.add(child);
    let gone = false;
    child.once('exit', () => {
      gone = true;
      running.delete(child);
    });
    for (let tries = 0; !(await accepts(this.port)); tries++) {
      if (gone || tries > 1000) throw new Error(`the server did not start:\n${this.#output}`);
    }
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Ends the process at once, as a crash would; its files stay. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.ref();
    child.kill('SIGKILL');
    await gone;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.run();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs `use` with a client that waits and retries, for the test's own purposes. */
  async admin<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis({ host: '127.0.0.1', port: this.port, ...this.#options.client });
    client.on('error', () => undefined);
    try {
      return await use(client);
    } finally {
      client.disconnect();
    }
  }
}

/** A loopback port that nobody listens on; with `also`, the port plus that number is free too. */
export async function freePort(also?: number): Promise<number> {
  for (;;) {
    const port = await probe(0);
    if (also === undefined) return port;
    if (port + also > 65_535) continue;
    if ((await probe(port + also).catch(() => 0)) !== 0) return port;
  }
}

function probe(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => setTimeout(() => resolve(false), 10));
  });
}

const run = promisify(execFile);
const openssl = (...args: string[]): Promise<unknown> => run('openssl', args);

export interface Certificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Makes, in `folder`, a private authority and a certificate of it for `localhost` and 127.0.0.1. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string): string => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
  );
  await openssl('req', ...newKey, '-subj', '/CN=valkey', '-keyout', file('server.key'), '-out', file('server.csr'));
  await writeFile(file('names'), 'subjectAltName=DNS:localhost,DNS:valkey.test,IP:127.0.0.1\n');
  await openssl(
    'x509',
    '-req',
    '-days',
    '2',
    '-in',
    file('server.csr'),
    '-CA',
    file('ca.crt'),
    '-CAkey',
    file('ca.key'),
    '-CAcreateserial',
    '-extfile',
    file('names'),
    '-out',
    file('server.crt'),
  );
  return { caFile: file('ca.crt'), certFile: file('server.crt'), keyFile: file('server.key') };
}
