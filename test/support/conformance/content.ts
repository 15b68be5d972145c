/** A one-pixel PNG, base64. */
export const PNG_PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==';

/** A WAV file without samples, base64. */
export const SILENT_WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

export function text(value: string): { readonly type: 'text'; text: string } {
  return { type: 'text', text: value };
}

export function textResult(value: string): { content: { type: 'text'; text: string }[] } {
  return { content: [text(value)] };
}
