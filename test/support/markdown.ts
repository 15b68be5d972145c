/** A fenced block: ```` ```language info ````. `line` is that of its fence, from 1. */
export interface Block {
  readonly language: string;
  readonly info: string;
  readonly text: string;
  readonly line: number;
}

/** A row of a table. Cells without the backticks around them; `\|` is a bar. */
export interface Row {
  readonly header: readonly string[];
  readonly cells: readonly string[];
  readonly line: number;
}

const FENCE = /^```(\w*) ?(.*)$/;

/** The fenced blocks of a Markdown text that stand at the left margin, in order. */
export function blocksOf(text: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { language: string; info: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open === undefined) {
      if (fence) open = { language: fence[1] ?? '', info: fence[2] ?? '', line: index + 1, lines: [] };
    } else if (line === '```') {
      blocks.push({ language: open.language, info: open.info, line: open.line, text: `${open.lines.join('\n')}\n` });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  return blocks;
}

/** The rows of all tables outside fenced blocks. */
export function rowsOf(text: string): readonly Row[] {
  const rows: Row[] = [];
  let header: readonly string[] | undefined;
  let fenced = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('```')) fenced = !fenced;
    if (fenced || !line.startsWith('|')) {
      header = undefined;
      continue;
    }
    const cells = cellsOf(line);
    if (header === undefined) header = cells;
    else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) rows.push({ header, cells, line: index + 1 });
  }
  return rows;
}

function cellsOf(line: string): readonly string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) =>
      cell
        .trim()
        .replaceAll('\\|', '|')
        .replace(/^`` ?(.*?) ?``$|^`(.*)`$/s, '$1$2'),
    );
}

/** The anchors of a text's headings, as GitHub makes them. */
export function slugsOf(text: string): ReadonlySet<string> {
  const slugs = new Set<string>();
  let fenced = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced;
    const heading = fenced ? undefined : /^#+ (.*)$/.exec(line)?.[1];
    if (heading !== undefined) {
      slugs.add(
        heading
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
          .trim()
          .replaceAll(' ', '-'),
      );
    }
  }
  return slugs;
}
