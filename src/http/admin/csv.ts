/**
 * CSV as RFC 4180 writes it, for spreadsheets too: they take a cell that begins like a formula for one, and a subject is
 * whatever an issuer says. An apostrophe before it makes it text.
 */
export function csvText(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('')
}

const formulaStart = /^[=+\-@\t\r\n]/

function field(value: string | number): string {
  if (typeof value === 'number') return String(value)
  const text = formulaStart.test(value) ? `'${value}` : value
  return /["',\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
