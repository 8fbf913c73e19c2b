/**
 * A family of things as one frozen object without prototype, so that a name taken from outside
 * (`__proto__`, `constructor`) finds nothing that is not a row.
 */
export function table<Rows extends object>(rows: Rows): Readonly<Rows> {
  return Object.freeze(Object.assign(Object.create(null), rows))
}

/** The member of that name, when the object itself has one: a name from outside finds nothing inherited. */
export function own<Members extends object>(
  members: Members,
  name: string,
): Members[keyof Members] | undefined {
  return Object.hasOwn(members, name) ? members[name as keyof Members] : undefined
}
