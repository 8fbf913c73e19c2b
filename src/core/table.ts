/**
 * A family of things as one frozen object without prototype, so that a name taken from outside
 * (`__proto__`, `constructor`) finds nothing that is not a row.
 */
export const table = <Rows extends object>(rows: Rows): Readonly<Rows> =>
  Object.freeze(Object.assign(Object.create(null), rows))

/** The row of that name, when there is one. */
export const row = <Rows extends object>(rows: Rows, name: string): Rows[keyof Rows] | undefined =>
  Object.hasOwn(rows, name) ? rows[name as keyof Rows] : undefined
