import { headerInvalid } from '../core/problems.ts'

/** The value of a header that is signed, of the given form. Throws Refusal `header_invalid` where it is not. */
export function signedField(name: string, value: string | null, form: RegExp): string {
  if (value !== null && form.test(value)) return value
  throw headerInvalid(`Send the header ${name}, in visible ASCII: this upstream signs it.`)
}
