import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** The text that a caller gets, where it stands as it is: of refusals, and of those of OAuth behind their code. */
const detailForm =
  /(?:\b(?:invalid|requestInvalid)\(|\bdetail:|OAuthRefusal\(\s*'\w+',)\s*(['"`])((?:(?!\1).)+)\1/gs

it.each(['src/http/admin', 'src/http/oauth', 'src/tokens'])(
  'what %s tells a caller is a sentence, and begins with a word and not with the name of a field',
  (folder) => {
    const details = readdirSync(folder)
      .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(detailForm)])
      .map(([, , text = '']) => text)
    expect(details.length).toBeGreaterThan(5)
    expect(details.filter((text) => !/^[A-Z][\w -]* .*\.$/s.test(text))).toEqual([])
  },
)
