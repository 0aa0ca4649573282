import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Redacted from "effect/Redacted"
import { Api } from "../Api.ts"
import { anonymous, callerOf } from "../platform/callerOf.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { CurrentAccount } from "./Access.ts"
import { Accounts } from "./Accounts.ts"
import { Credentials, PasswordChange } from "./AuthApi.ts"
import { toAccessToken, toUserResponse } from "./UserView.ts"

export const AuthHttp = HttpApiBuilder.group(Api, "auth", (handlers) =>
  Effect.gen(function* () {
    const accounts = yield* Accounts

    const logIn = Effect.fnUntraced(function* (phone: string, password: string) {
      const caller = yield* callerOf(anonymous, "auth.login")
      return toAccessToken(yield* accounts.logIn({ phone, password: Redacted.make(password), caller }))
    })

    const me = Effect.map(CurrentAccount, ({ account }) => toUserResponse(account))

    return handlers
      .handleRaw("login", ({ request }) =>
        Effect.flatMap(JsonBody.decode(Credentials)(request), ({ phone, password }) =>
          logIn(phone, password),
        ),
      )
      .handle("token", ({ payload }) => logIn(payload.username, payload.password))
      .handle("refresh", () => Effect.map(accounts.refresh, toAccessToken))
      .handle("logout", ({ query }) =>
        Effect.as(accounts.logOut(query.everywhere === "true" ? "everywhere" : "here"), {
          message: "Successfully logged out",
          detail: "The token is no longer valid",
        }),
      )
      .handle("me", () => me)
      .handleRaw("changePassword", ({ request, query }) =>
        Effect.gen(function* () {
          const { current_password: current, new_password: next } = {
            ...query,
            ...(yield* JsonBody.decodeOptional(PasswordChange)(request)),
          }
          if (current === undefined) return yield* ValidationFailed.missing("body", "current_password")
          if (next === undefined) return yield* ValidationFailed.missing("body", "new_password")
          const changed = yield* accounts.changePassword({
            current: Redacted.make(current),
            next: Redacted.make(next),
          })
          return { message: "Password changed successfully", ...toAccessToken(changed) }
        }),
      )
      .handle("verifyToken", () =>
        Effect.map(me, (user) => ({ valid: true as const, user, message: "Token is valid" })),
      )
      .handle("users", () => Effect.map(accounts.findColleagues, (users) => users.map(toUserResponse)))
  }),
)
