import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { CurrentAccount } from "../auth/Access.ts"
import { toUserRead } from "../auth/UserView.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { Invitations } from "./Invitations.ts"
import { Profile } from "./Profile.ts"
import { Team } from "./Team.ts"
import { NewInvitation, ProfileUpdate } from "./TeamApi.ts"
import { toTeamInvitationRead } from "./TeamView.ts"

const PAGE = 50

export const TeamHttp = HttpApiBuilder.group(Api, "profile", (handlers) =>
  Effect.gen(function* () {
    const profile = yield* Profile
    const team = yield* Team
    const invitations = yield* Invitations
    return handlers
      .handle("get", () => Effect.map(CurrentAccount, ({ account }) => toUserRead(account)))
      .handleRaw("update", ({ request }) =>
        JsonBody.decode(ProfileUpdate)(request).pipe(Effect.flatMap(profile.update), Effect.map(toUserRead)),
      )
      .handle("team", ({ query }) =>
        Effect.map(
          team.find({
            role: query.role ?? null,
            isActiveOnly: query.active_only ?? true,
            search: query.search === undefined || query.search === "" ? null : query.search,
            skip: query.skip ?? 0,
            limit: query.limit ?? PAGE,
          }),
          (members) => members.map(toUserRead),
        ),
      )
      .handleRaw("invite", ({ request }) =>
        JsonBody.decode(NewInvitation)(request).pipe(
          Effect.flatMap(invitations.invite),
          Effect.map(({ invitation, inviter }) => toTeamInvitationRead(invitation, inviter)),
        ),
      )
      .handle("invitations", ({ query }) =>
        Effect.map(invitations.find(query.status_filter ?? null), (found) =>
          found.map(({ inviter, ...invitation }) => toTeamInvitationRead(invitation, inviter)),
        ),
      )
      .handle("cancelInvitation", ({ params }) =>
        Effect.as(invitations.cancel(params.invitation_id), { message: "Invitation cancelled" }),
      )
      .handle("remove", ({ params }) =>
        Effect.as(team.remove(params.user_id), { message: "User removed from the team" }),
      )
      .handle("changeRole", ({ params, query }) =>
        Effect.map(team.changeRole(params.user_id, query.new_role), toUserRead),
      )
      .handle("stats", () =>
        Effect.map(team.stats, ({ activeUsers, usersByRole, pendingInvitations }) => ({
          total_active_users: activeUsers,
          users_by_role: usersByRole,
          pending_invitations: pendingInvitations,
        })),
      )
  }),
)
