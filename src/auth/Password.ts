import * as Schema from "effect/Schema"

const CHARS_MIN = 6
const CHARS_MAX = 256

/** As the old service took it: at least six characters. The maximum keeps hashing bounded. */
export const NewPassword = Schema.String.check(Schema.isMinLength(CHARS_MIN), Schema.isMaxLength(CHARS_MAX))

/** Any text: whether it is the right one is not for a schema to say. */
export const GivenPassword = Schema.String.check(Schema.isMaxLength(CHARS_MAX))

export const isLongEnough = (password: string): boolean => password.length >= CHARS_MIN
