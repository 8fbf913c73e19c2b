/** How every personal token begins, so that scanners find them, and whoever sends one as it is can be told. */
export const personalTokenPrefix = 'cst_'
