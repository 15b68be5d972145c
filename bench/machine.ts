import { cpus } from 'node:os';

/** What the figures were measured on. */
export function machineLine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model ?? 'unknown'}, Node ${process.version}, ${process.platform} ${process.arch}`;
}
