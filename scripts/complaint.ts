/** Something that the person at the terminal can mend: printed as it is, without a stack trace. */
export class Complaint extends Error {
  override readonly name = 'Complaint'
}

/**
 * Runs a script's main function: a complaint ends it with its words and exit code 1, anything else with its trace.
 * Who asks for `--help` gets `usage` instead, and exit code 0.
 */
export const runScript = async (usage: string, main: () => Promise<number>): Promise<void> => {
  if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
    console.log(usage)
    return
  }
  try {
    process.exitCode = await main()
  } catch (error) {
    if (error instanceof Complaint) console.error(`\n${error.message}\n`)
    else console.error(error)
    process.exitCode = 1
  }
}
