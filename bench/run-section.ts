import { SECTIONS } from './sections.ts';

const [, , name = ''] = process.argv;
const section = SECTIONS[name];
if (section === undefined) throw new Error(`sections are ${Object.keys(SECTIONS).join(', ')}`);
const result = JSON.stringify(await section());
// Some peers hold the process open.
process.stdout.write(result, () => process.exit(0));
