import * as Schema from "effect/Schema"

/**
 * The name of an object in the store, neither a path nor a surprise for any file system or URL: small letters, digits,
 * and single signs between them.
 */
export const ObjectKey = Schema.String.check(
  Schema.isPattern(/^[a-z0-9]{2,}(?:[._-][a-z0-9]+)*$/),
  Schema.isMaxLength(120),
).pipe(Schema.brand("ObjectKey"))
export type ObjectKey = typeof ObjectKey.Type

export const isObjectKey = Schema.is(ObjectKey)
