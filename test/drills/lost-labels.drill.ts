import { lostLabelDrill } from '../session/lost-labels.ts';

lostLabelDrill({ kills: 20, appends: 500 });
