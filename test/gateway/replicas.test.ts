import { replicaDrill } from './replica-drill.ts';

replicaDrill({ clients: 20, callsOfEach: 10 });
