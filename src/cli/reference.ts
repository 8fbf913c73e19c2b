/** `docs/cli.md`, made of what the commands themselves say, so that it cannot tell anything else. */
import type { Command } from 'commander'

const widthChars = 100

const introduction = `# The command line

\`countersign\` logs people in, makes calls without a key, and shows and changes what teams may do. It needs Node 22.12
or newer. In a clone of this repository \`npx countersign\` runs it (after \`npm start\` or \`npm ci\` has installed what it
needs); this page is made from its own \`--help\`.

## From nothing to the first call

\`\`\`sh
npm start                                               # in one terminal: the sandbox, http://127.0.0.1:8787
npx countersign login                                   # in another; over SSH it shows a code instead of a browser
npx countersign call 'plugipay/api/v1/customers?limit=3'
\`\`\`

Without \`--url\`, \`login\` goes to that sandbox; a Countersign of your own is \`countersign login --url
https://edge.acme.example\`. A CI job logs in to nothing: it sets \`COUNTERSIGN_URL\` and \`COUNTERSIGN_TOKEN\`.

## What is used, and where it is kept

A flag comes before the environment, the environment before the profile, the profile before the default.
\`countersign status\` says what would be used and why.

| what | flag | environment | otherwise |
|---|---|---|---|
| which Countersign | \`--url\` | \`COUNTERSIGN_URL\` | the profile's, or the sandbox of \`npm start\` |
| which profile | \`--profile\` | \`COUNTERSIGN_PROFILE\` | the current one, or \`default\` |
| which credential | | \`COUNTERSIGN_TOKEN\` | the profile's login |

\`COUNTERSIGN_TOKEN\` holds a personal token (\`cst_...\`, exchanged for short-lived JWTs), a JWT (sent as it is), or the admin
key (which administers and calls nothing). The JWT of an issuer that is trusted for exchange becomes one of ours with
\`COUNTERSIGN_TOKEN=$(countersign token)\`.

- \`~/.countersign/config.json\` has the profiles, \`credentials.json\` beside it what they are logged in with. The directory is
  0700, the files 0600; they are replaced as a whole, under a lock. What others can open, or what is a symbolic link, is
  refused with the command that mends it.
- A credential goes to the exact origin that it was made for, and nowhere else: not to another \`--url\`, not along a
  redirect. Plain http is for this machine only.
- https goes through the proxy that \`HTTPS_PROXY\` names, but not to what \`NO_PROXY\` names (Node 22.21, 24.5 or newer);
  \`NODE_EXTRA_CA_CERTS\` names the certificates of a company's own authority.
- Data goes to stdout, everything else to stderr. \`--json\` gives JSON for every command; with it, an error is an object on
  stderr: \`{"error":{"code","message","hint","page","requestId","exitCode"}}\`. Colour and waiting signs appear only on a
  terminal, and never with \`NO_COLOR\`.
- An answer of Countersign itself is told as \`<status> <code>: ...\` with its request id; one that the upstream gave is
  printed as it came, with a line on stderr that says whose it is. \`call --json\` gives a body that is no text as
  \`bodyBase64\`.
`

/** Markdown, with one section for each command and the words of its help. */
export function createReference(program: Command): string {
  const sections = [program, ...descendants(program)].map((command) => {
    // The options of all commands stand with the first one.
    const help = helpOf(command)
      .replace(/Global Options:\n(?: .*\n)*\n?/, '')
      .trimEnd()
    return `## ${nameOf(command)}\n\n\`\`\`text\n${help}\n\`\`\`\n`
  })
  return `${introduction}\n${sections.join('\n')}`
}

function descendants(command: Command): readonly Command[] {
  return command.commands
    .filter((inner) => inner.name() !== 'help')
    .flatMap((inner) => [inner, ...descendants(inner)])
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
    getOutHelpWidth: () => widthChars,
    getOutHasColors: () => false,
  })
  command.outputHelp()
  return text
}
