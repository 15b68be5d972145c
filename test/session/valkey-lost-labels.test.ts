import { lostLabelDrill } from './lost-labels.ts';

// `npm run test:drills` runs it in full size.
lostLabelDrill({ kills: 3, appends: 60 });
