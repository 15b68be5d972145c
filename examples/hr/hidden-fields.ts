/** Paths of what is redacted or masked. `[*]` stands for every element of a list, an index for some of them. */
export function hiddenFields(value: unknown): readonly string[] {
  return hiddenBelow(value).map((field) => field.replace(/^\./u, ''));
}

function hiddenBelow(value: unknown): readonly string[] {
  if (value === '[REDACTED]') return [' redacted'];
  if (typeof value === 'string') return /^\*+[^*]{0,4}$/u.test(value) ? [' masked'] : [];
  if (Array.isArray(value)) {
    const each = value.map((element) => hiddenBelow(element));
    const [first = []] = each;
    const everywhere = new Set(first.filter((field) => each.every((fields) => fields.includes(field))));
    const somewhere = each.flatMap((fields, index) =>
      fields.filter((field) => !everywhere.has(field)).map((field) => `[${index}]${field}`),
    );
    return [...[...everywhere].map((field) => `[*]${field}`), ...somewhere];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => hiddenBelow(member).map((field) => `.${name}${field}`));
}
