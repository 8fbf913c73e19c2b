/** The statements that every table of `Directory` needs. */

/** What a query names as a record does. */
export type Row<Named> = { [Name in keyof Named]: Named[Name] & SqlStorageValue }

/** The one row that the query finds. */
export function find<Found extends Record<string, SqlStorageValue>>(
  sql: SqlStorage,
  query: string,
  ...bindings: readonly SqlStorageValue[]
): Found | undefined {
  return sql.exec<Found>(query, ...bindings).toArray()[0]
}

/** `what` is a table, and which of its rows. */
export function count(sql: SqlStorage, what: string, ...bindings: readonly SqlStorageValue[]): number {
  return sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM ${what}`, ...bindings).one().n
}

/** `into` is the table, with what to do when such a row is there: `OR IGNORE INTO people`. Whether it was written. */
export function insert(
  sql: SqlStorage,
  into: string,
  row: Readonly<Record<string, SqlStorageValue>>,
): boolean {
  const columns = Object.keys(row)
  const values = columns.map(() => '?')
  return (
    sql.exec(`INSERT ${into} (${columns.join()}) VALUES (${values.join()})`, ...Object.values(row))
      .rowsWritten > 0
  )
}
