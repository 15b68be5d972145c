/**
 * Labels as the stores of this package keep them: texts by construction, so that nobody has to look at each of them
 * again. Never changed once made.
 */
export class LabelSet extends Set<string> {}
