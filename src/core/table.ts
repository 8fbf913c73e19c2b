/**
 * A family of things as one frozen object without prototype, so that a name taken from outside
 * (`__proto__`, `constructor`) finds nothing that is not a row.
 */
export function table<Rows extends object>(rows: Rows): Readonly<Rows> {
  return Object.freeze(Object.assign(Object.create(null), rows))
}

/** The row of that name, when there is one. */
export function row<Rows extends object>(rows: Rows, name: string): Rows[keyof Rows] | undefined {
  return Object.hasOwn(rows, name) ? rows[name as keyof Rows] : undefined
}
