/** Makes and unmakes operators of the platform. A password comes from `SUPERADMIN_PASSWORD`, or is made and shown once. */
import { randomBytes } from "node:crypto"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import { PhoneInput } from "../shared/Phone.ts"
import { filledTextUpTo } from "../shared/Text.ts"
import { PASSWORD_CHARS_MIN, Superadmins } from "../superadmin/Superadmins.ts"
import { VERSION } from "../system/SystemApi.ts"
import { run } from "./run.ts"

const NAME_CHARS_MAX = 100
const PASSWORD_BYTES = 18

class SuperadminRefused extends Schema.TaggedError<SuperadminRefused>()("SuperadminRefused", {
  message: Schema.String,
}) {}

const phone = Flag.String("phone").pipe(
  Flag.withDescription("Phone of the account, in any usual spelling"),
  Flag.withSchema(PhoneInput),
)

const name = Flag.String("name").pipe(
  Flag.withDescription("What people call them"),
  Flag.withSchema(filledTextUpTo(NAME_CHARS_MAX)),
)

/** The password, and what to tell of it. */
const choosePassword = Effect.gen(function* () {
  const given = yield* Config.option(Config.Redacted("SUPERADMIN_PASSWORD"))
  if (Option.isNone(given)) {
    const password = randomBytes(PASSWORD_BYTES).toString("base64url")
    return { password: Redacted.make(password), note: `Password, shown only here: ${password}` }
  }
  if (Redacted.value(given.value).length < PASSWORD_CHARS_MIN) {
    return yield* new SuperadminRefused({
      message: `SUPERADMIN_PASSWORD must have at least ${PASSWORD_CHARS_MIN} characters`,
    })
  }
  return { password: given.value, note: "Password: that of SUPERADMIN_PASSWORD" }
})

const unknown = (phone: string, what: string) => () =>
  Effect.fail(new SuperadminRefused({ message: `there is no ${what} with the phone ${phone}` }))

const create = Command.make(
  "create",
  { phone, name },
  Effect.fn(function* ({ phone, name }) {
    const superadmins = yield* Superadmins
    const { password, note } = yield* choosePassword
    yield* Effect.catchTag(superadmins.create({ phone, name, password }), "PhoneTaken", () =>
      Effect.fail(
        new SuperadminRefused({ message: `${phone} has an account already; see: superadmin grant` }),
      ),
    )
    yield* Console.log(`${phone} is a superadmin.\n${note}`)
  }),
).pipe(Command.withDescription("Make an account of no shop that is a superadmin"))

const grant = Command.make(
  "grant",
  { phone },
  Effect.fn(function* ({ phone }) {
    const superadmins = yield* Superadmins
    yield* Effect.catchTag(superadmins.grant(phone), "UserNotFound", unknown(phone, "account"))
    yield* Console.log(`${phone} is a superadmin.`)
  }),
).pipe(Command.withDescription("Make an account that exists a superadmin"))

const revoke = Command.make(
  "revoke",
  { phone },
  Effect.fn(function* ({ phone }) {
    const superadmins = yield* Superadmins
    const user = yield* Effect.catchTag(
      superadmins.revoke(phone),
      "UserNotFound",
      unknown(phone, "superadmin"),
    )
    yield* Console.log(user.shop_id === null ? `${phone} is blocked.` : `${phone} is no superadmin any more.`)
  }),
).pipe(Command.withDescription("Take the rights of a superadmin away; an account of no shop is blocked"))

const resetPassword = Command.make(
  "reset-password",
  { phone },
  Effect.fn(function* ({ phone }) {
    const superadmins = yield* Superadmins
    const { password, note } = yield* choosePassword
    yield* Effect.catchTag(
      superadmins.resetPassword(phone, password),
      "UserNotFound",
      unknown(phone, "superadmin"),
    )
    yield* Console.log(`${phone} has another password; every session is over.\n${note}`)
  }),
).pipe(Command.withDescription("Give a superadmin another password"))

const superadmin = Command.make("superadmin").pipe(
  Command.withDescription("Operators of the platform"),
  Command.withSubcommands([create, grant, revoke, resetPassword]),
)

run(
  Command.run(superadmin, { version: VERSION }).pipe(
    Effect.provide(Superadmins.layer.pipe(Layer.provide(PasswordHasher.layer))),
  ),
)
