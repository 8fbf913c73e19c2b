import type { Terminal } from './terminal.ts'

export type Cell = string | number | null | undefined

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => Cell
  readonly align?: 'left' | 'right'
}

/** Columns as wide as what is in them; on a terminal with a heading, in a pipe with tabs and none. */
export function textTable<Row>(
  terminal: Terminal,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): string {
  const cells = rows.map((row) => columns.map(({ cell }) => oneLine(cell(row))))
  if (!terminal.shown) return cells.map((row) => row.join('\t')).join('\n')
  const titles = columns.map(({ title }) => title.toUpperCase())
  const widths = titles.map((title, at) =>
    Math.max(width(title), ...cells.map((row) => width(row[at] ?? ''))),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => {
        const gap = ' '.repeat((widths[at] ?? 0) - width(text))
        return columns[at]?.align === 'right' ? gap + text : text + gap
      })
      .join('  ')
      .trimEnd()
  return [terminal.paint('quiet', line(titles)), ...cells.map(line)].join('\n')
}

/** Names and values, one pair a line. */
export function pairs(entries: readonly (readonly [name: string, value: Cell])[]): string {
  const widest = Math.max(...entries.map(([name]) => name.length))
  return entries.map(([name, value]) => `${name.padEnd(widest)}  ${oneLine(value)}`).join('\n')
}

function oneLine(cell: Cell): string {
  return String(cell ?? '-').replace(/[\t\r\n]+/g, ' ')
}

/** Code points: enough for names and numbers. */
function width(text: string): number {
  return [...text].length
}
