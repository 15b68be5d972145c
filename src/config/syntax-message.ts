import { excerpt } from './excerpt.ts';

export interface SyntaxMessage {
  readonly message: string;
  readonly help?: string;
}

/** What stands in the file for those of the parser's token names that are not the text itself. */
const tokenTexts: ReadonlyMap<string, string> = new Map([
  ['flow-map-start', '{'],
  ['flow-map-end', '}'],
  ['flow-seq-start', '['],
  ['flow-seq-end', ']'],
  ['map-value-ind', ':'],
  ['explicit-key-ind', '?'],
  ['seq-item-ind', '-'],
  ['block-seq-ind', '-'],
  ['comma', ','],
]);

/** The message for a syntax error that the YAML parser reports as `code` and `message`. */
export function syntaxMessage(code: string, message: string): SyntaxMessage {
  const closing = /must (?:be sufficiently indented and |)end with a (.)$/.exec(message)?.[1];
  if (closing !== undefined) {
    return {
      message: `the closing \`${closing}\` is missing before this`,
      help: 'close the bracket, or indent what stands inside it',
    };
  }
  switch (code) {
    case 'UNEXPECTED_TOKEN': {
      const unexpected = /^Unexpected (\S+) token|^Unexpected (\S+) /.exec(message);
      const written = /: (".*")$/s.exec(message)?.[1];
      const name = unexpected?.[1] ?? unexpected?.[2];
      if (name === undefined) return { message: lowerFirst(message) };
      const text = written === undefined ? name : written.slice(1, -1);
      return { message: `unexpected ${excerpt(tokenTexts.get(name) ?? text)}` };
    }
    case 'BAD_DQ_ESCAPE':
      return { message: lowerFirst(message), help: 'write `\\\\` for a backslash, or use single quotes' };
    case 'BAD_SCALAR_START':
      return { message: lowerFirst(message), help: 'put the value in quotes' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      if (message.startsWith('Nested')) {
        return { message: 'a mapping begins inside a value', help: 'put the value in quotes when `: ` belongs to it' };
      }
      return { message: lowerFirst(message) };
    case 'TAB_AS_INDENT':
      return { message: 'a tab is used as indentation', help: 'indent with spaces' };
    case 'MULTILINE_IMPLICIT_KEY':
      return { message: 'a key is not on a single line', help: 'is a `:` missing, or the indentation wrong?' };
    case 'MISSING_CHAR':
      if (message.startsWith('Implicit map keys')) {
        return { message: 'a key without a value', help: 'is a `:` followed by a space missing?' };
      }
      if (message.startsWith('Missing closing')) {
        return { message: `the closing ${message.includes('"') ? '`"`' : "`'`"} is missing` };
      }
      return { message: lowerFirst(message) };
    case 'KEY_OVER_1024_CHARS':
      return { message: 'a key is longer than 1024 characters' };
    case 'RESOURCE_EXHAUSTION':
      return { message: 'this part of the document cannot be read' };
    default:
      return { message: lowerFirst(message) };
  }
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '');
}
