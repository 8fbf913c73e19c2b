/** Something that the person at the terminal can mend: printed as it is, without a stack trace. */
export class Complaint extends Error {
  override readonly name = 'Complaint'
}

/** Runs a script's main function: a complaint ends it with its words and exit code 1, anything else with its trace. */
export const runScript = async (main: () => Promise<number>): Promise<void> => {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (error instanceof Complaint) console.error(`\n${error.message}\n`)
    else console.error(error)
    process.exitCode = 1
  }
}
