import { replicaDrill } from '../gateway/replica-drill.ts';

replicaDrill({ clients: 200, callsOfEach: 50 });
