/**
 * Settles as `work` does, unless `milliseconds` pass first: then it rejects with what `late` makes. `work` goes on and
 * what becomes of it is ignored.
 */
export function withTimeLimit<T>(work: Promise<T>, milliseconds: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), Math.max(0, milliseconds));
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
