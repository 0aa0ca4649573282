/**
 * The first operator of a new installation: `SUPERADMIN_PHONE` and `SUPERADMIN_PASSWORD` make an account when the phone
 * is unknown. An account that exists is never changed, whatever the settings say.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { normalize } from "../shared/Phone.ts"
import { PASSWORD_CHARS_MIN, Superadmins } from "./Superadmins.ts"

const NAME = "Superadmin"

class SuperadminSettingsUnfit extends Schema.TaggedError<SuperadminSettingsUnfit>()(
  "SuperadminSettingsUnfit",
  { message: Schema.String },
) {}

export const SuperadminFromSettings = Layer.effectDiscard(
  Effect.gen(function* () {
    const given = yield* Config.option(Config.String("SUPERADMIN_PHONE"))
    const password = yield* Config.option(Config.Redacted("SUPERADMIN_PASSWORD"))
    if (Option.isNone(given) && Option.isNone(password)) return
    const phone = normalize(Option.getOrElse(given, () => ""))
    if (phone === null) {
      return yield* new SuperadminSettingsUnfit({
        message: "SUPERADMIN_PHONE must be a phone of Kazakhstan, such as +77000000000",
      })
    }
    if (Option.isNone(password) || Redacted.value(password.value).length < PASSWORD_CHARS_MIN) {
      return yield* new SuperadminSettingsUnfit({
        message: `SUPERADMIN_PASSWORD must have at least ${PASSWORD_CHARS_MIN} characters`,
      })
    }
    const superadmins = yield* Superadmins
    if (yield* superadmins.isKnown(phone)) return
    // Another node may have been faster.
    yield* Effect.catchTag(
      superadmins.create({ phone, name: NAME, password: password.value }),
      "PhoneTaken",
      () => Effect.void,
    )
  }),
)
