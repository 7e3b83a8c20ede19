import { CommandError, exitCodes } from './exit-codes.ts'

/** One column of a table. Numbers stand to the right. */
export interface Column<Row> {
  readonly heading: string
  readonly value: (row: Row) => string | number
}

export const formatOptions = {
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
} as const

/** Prints rows as a table for people, as CSV (RFC 4180), or as they are in JSON. */
export function printRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  format: { json?: boolean | undefined; csv?: boolean | undefined },
): void {
  if (format.json && format.csv) throw new CommandError(exitCodes.usage, 'choose one of --json and --csv')
  if (format.json) {
    console.log(JSON.stringify(rows, undefined, 2))
    return
  }
  const cells = rows.map((row) => columns.map(({ value }) => value(row)))
  const headings = columns.map(({ heading }) => heading)
  if (format.csv) {
    const line = (fields: readonly (string | number)[]) => `${fields.map(csvField).join(',')}\r\n`
    process.stdout.write([headings, ...cells].map(line).join(''))
    return
  }
  const widths = headings.map((heading, at) => Math.max(heading.length, ...cells.map((row) => String(row[at]).length)))
  const line = (fields: readonly (string | number)[]) =>
    fields
      .map((field, at) =>
        typeof field === 'number' ? String(field).padStart(widths[at] ?? 0) : field.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd()
  console.log([line(headings), ...cells.map(line)].join('\n'))
}

/** A spreadsheet would run a field that begins like a formula. */
function csvField(field: string | number): string {
  if (typeof field === 'number') return String(field)
  const text = /^[=+@\t-]/.test(field) ? `'${field}` : field
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
