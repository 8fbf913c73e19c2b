/** A route is `METHOD[|METHOD...] /pattern` -> scope. */
export interface RouteTable {
  /** The most specific route that matches, or null. Method is upper case, path begins with `/` (`''` is the base itself). */
  match(method: string, path: string): Route | null
}

export interface Route {
  /** As it was written, for logs and `explain`. */
  readonly text: string
  readonly scope: string
}
