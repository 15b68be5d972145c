import type { IncomingMessage } from 'node:http';

/** Why a body was not read to its end. */
export type BodyFault = 'too-large' | 'aborted';

/**
 * The bytes of a request's body. Stops reading at `maxBytes`; the connection is of no use then, as the rest of the body
 * is still on it.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | BodyFault> {
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) > maxBytes) return Promise.resolve('too-large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let settled = false;
    const settle = (outcome: Buffer | BodyFault): void => {
      if (settled) return;
      settled = true;
      resolve(outcome);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= maxBytes) return;
      request.off('data', onData);
      request.pause();
      settle('too-large');
    };
    const onClose = (): void => settle('aborted');
    request.on('data', onData);
    request.on('end', () => {
      const [only] = chunks;
      settle(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes));
    });
    request.on('close', onClose);
    request.on('error', onClose);
  });
}
