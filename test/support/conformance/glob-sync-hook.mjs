import { register } from 'node:module';

// The suite's bundle imports `globSync` of `fs`, which Node 20 does not have; only its `tier-check` command calls it.
register('./glob-sync-resolve.mjs', import.meta.url);
