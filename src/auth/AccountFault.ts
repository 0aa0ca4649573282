import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"

export class LoginFailed extends Schema.Error<LoginFailed>("LoginFailed")(
  fault("LoginFailed", "Incorrect phone number or password"),
  { httpApiStatus: 401 },
) {}

export class PasswordIncorrect extends Schema.Error<PasswordIncorrect>("PasswordIncorrect")(
  fault("PasswordIncorrect", "Current password is incorrect"),
  { httpApiStatus: 400 },
) {}

export class PasswordTooShort extends Schema.Error<PasswordTooShort>("PasswordTooShort")(
  fault("PasswordTooShort", "New password must be at least 6 characters long"),
  { httpApiStatus: 400 },
) {}

export class AttemptsTooMany extends Schema.Error<AttemptsTooMany>("AttemptsTooMany")(
  fault("AttemptsTooMany", "Too many attempts, try again later"),
  { httpApiStatus: 429 },
) {}
