import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Redacted from "effect/Redacted"
import { Api } from "../Api.ts"
import type { User } from "../auth/User.ts"
import { toUserResponse } from "../auth/UserView.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { toPage, toSearch } from "./Page.ts"
import { SuperadminUsers } from "./SuperadminUsers.ts"
import { PasswordReset } from "./SuperadminUsersApi.ts"

export const SuperadminUsersHttp = HttpApiBuilder.group(Api, "superadminUsers", (handlers) =>
  Effect.gen(function* () {
    const users = yield* SuperadminUsers
    return handlers
      .handle("find", ({ query }) =>
        Effect.map(
          users.find({
            ...toPage(query),
            shopId: query.shop_id ?? null,
            role: query.role ?? null,
            isActive: query.is_active ?? null,
            search: toSearch(query.search),
          }),
          (found) => found.map(toUserResponse),
        ),
      )
      .handle("block", ({ params }) =>
        Effect.map(users.block(params.user_id), answer("User blocked successfully")),
      )
      .handle("unblock", ({ params }) =>
        Effect.map(users.unblock(params.user_id), answer("User unblocked successfully")),
      )
      .handleRaw("resetPassword", ({ params, query, request }) =>
        Effect.gen(function* () {
          const given = { ...query, ...(yield* JsonBody.decodeOptional(PasswordReset)(request)) }
          if (given.new_password === undefined) return yield* ValidationFailed.missing("body", "new_password")
          const password = Redacted.make(given.new_password)
          return answer("Password reset successfully")(yield* users.resetPassword(params.user_id, password))
        }),
      )
  }),
)

const answer = (message: string) => (user: User) => ({ message, user: toUserResponse(user) })
