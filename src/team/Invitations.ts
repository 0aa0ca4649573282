/**
 * How somebody joins a shop: a colleague invites a phone and tells its owner the code, the owner brings the code and a
 * password.
 *
 *   pending --> accepted            phone and code fit, within seven days
 *          \--> expired             cancelled, too late, or the fifth wrong code
 *
 * Inviting says nothing about accounts elsewhere; that a phone has one is told only to whoever holds the code.
 */
import { randomInt } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { CurrentUser } from "../auth/Access.ts"
import type { AttemptsTooMany } from "../auth/AccountFault.ts"
import type { LoggedIn } from "../auth/Accounts.ts"
import type { Attempt } from "../auth/FailedAttempts.ts"
import { FailedAttempts } from "../auth/FailedAttempts.ts"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import type { UserRole } from "../auth/Role.ts"
import { Tokens } from "../auth/Tokens.ts"
import type { User } from "../auth/User.ts"
import { PhoneTaken } from "../auth/User.ts"
import { Users } from "../auth/Users.ts"
import type { CallerFacts } from "../platform/Caller.ts"
import { Caller } from "../platform/Caller.ts"
import { Db, Refusal, refuse } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import type { Phone } from "../shared/Phone.ts"
import { normalize } from "../shared/Phone.ts"
import type { Invitation, InvitationId, InvitationStatus } from "./Invitation.ts"
import { InvitationsRepo } from "./InvitationsRepo.ts"
import type { DirectorsOnly, RoleChangeRefused } from "./TeamFault.ts"
import {
  ColleagueExists,
  InvitationInvalid,
  InvitationNotFound,
  InvitationPending,
  InvitationSettled,
} from "./TeamFault.ts"
import { TeamRepo } from "./TeamRepo.ts"
import { mayReadCode, refuseInvitation } from "./TeamRules.ts"

export class Invitations extends Context.Service<
  Invitations,
  {
    /** Codes that would make the reader more than they are stay hidden. */
    readonly find: (
      status: typeof InvitationStatus.Type | null,
    ) => Effect.Effect<
      ReadonlyArray<Invitation & { readonly inviter: User }>,
      DatabaseUnavailable,
      CurrentUser | TenantContext
    >
    readonly invite: (person: {
      readonly phone: Phone
      readonly name: string
      readonly role: UserRole
    }) => Effect.Effect<
      { readonly invitation: Invitation; readonly inviter: User },
      DirectorsOnly | RoleChangeRefused | ColleagueExists | InvitationPending | DatabaseUnavailable,
      CurrentUser | TenantContext
    >
    readonly cancel: (
      id: InvitationId,
    ) => Effect.Effect<void, InvitationNotFound | InvitationSettled | DatabaseUnavailable, TenantContext>
    readonly accept: (given: {
      readonly phone: string
      readonly code: string
      readonly password: Redacted.Redacted
      readonly caller: CallerFacts
    }) => Effect.Effect<
      LoggedIn,
      InvitationInvalid | PhoneTaken | AttemptsTooMany | Overloaded | DatabaseUnavailable
    >
  }
>()("cvety/team/Invitations") {
  static readonly layerNoDeps = Layer.effect(
    Invitations,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* InvitationsRepo
      const team = yield* TeamRepo
      const users = yield* Users
      const tokens = yield* Tokens
      const hasher = yield* PasswordHasher
      const attempts = yield* FailedAttempts

      const find: Invitations["Service"]["find"] = Effect.fn("Invitations.find")(function* (status) {
        const { shopId, role } = yield* CurrentUser
        const [found] = yield* db.read([repo.findAll(shopId, status)])
        return found.map((one) => (mayReadCode(role, one.role) ? one : withoutCode(one)))
      })

      const invite: Invitations["Service"]["invite"] = Effect.fn("Invitations.invite")(function* (person) {
        const { shopId } = yield* TenantContext
        const by = yield* CurrentUser
        const refusal = refuseInvitation({ id: by.userId, role: by.role }, person.role)
        if (refusal !== undefined) return yield* refusal
        return yield* db.transact({
          read: [
            team.findByPhone(shopId, person.phone),
            team.findById(shopId, by.userId),
            repo.expireOld(shopId, person.phone),
            repo.insertUnlessColleague(shopId, {
              ...person,
              invitedBy: by.userId,
              code: String(randomInt(CODE_MIN, CODE_MAX + 1)),
            }),
          ],
          write: ([[colleague], [inviter], , [invitation]]) => {
            if (colleague !== undefined) return refuse(new ColleagueExists())
            return invitation === undefined || inviter === undefined
              ? refuse(new InvitationPending())
              : { queries: [], answer: { invitation, inviter } }
          },
        })
      })

      const cancel: Invitations["Service"]["cancel"] = Effect.fn("Invitations.cancel")(function* (id) {
        const { shopId } = yield* TenantContext
        yield* db.transact({
          read: [repo.lockById(shopId, id)],
          write: ([[invitation]]) => {
            if (invitation === undefined) return refuse(new InvitationNotFound())
            return invitation.status === "pending"
              ? { queries: [repo.settle(shopId, id, "expired")], answer: undefined }
              : refuse(new InvitationSettled())
          },
        })
      })

      /** The invitation that phone and code name; a wrong code is counted against all that are open for the phone. */
      const open = (phone: Phone, code: string) =>
        db.transactThrough("identity", {
          read: [repo.lockOpen(phone)],
          write: ([candidates]) => {
            const invitation = candidates.find(({ invitation_code }) => invitation_code === code)
            return {
              queries: invitation === undefined ? [repo.countWrongCode(phone)] : [],
              answer: invitation ?? new Refusal(new InvitationInvalid()),
            }
          },
        })

      const join = (invitation: Invitation, passwordHash: string) =>
        db
          .transact({
            read: [repo.lockAcceptable(invitation.shop_id, invitation.id)],
            write: ([[current]]) =>
              current !== undefined
                ? {
                    queries: [
                      users.create({
                        name: current.name,
                        phone: current.phone,
                        role: current.role,
                        shopId: current.shop_id,
                        isSuperadmin: false,
                        invitedBy: current.invited_by,
                        passwordHash,
                      }),
                      repo.settle(current.shop_id, current.id, "accepted"),
                    ],
                    answer: undefined,
                  }
                : refuse(new InvitationInvalid()),
            violations: { user_phone_key: new PhoneTaken() },
          })
          .pipe(Effect.provideService(TenantContext, { shopId: invitation.shop_id }))

      const accept: Invitations["Service"]["accept"] = Effect.fn("Invitations.accept")(function* (given) {
        const phone = normalize(given.phone)
        const tried = triedBy(phone ?? given.phone, given.caller)
        yield* attempts.ensureAllowed(tried)
        const found = phone === null ? Effect.fail(new InvitationInvalid()) : open(phone, given.code)
        const invitation = yield* Effect.tapErrorTag(found, "InvitationInvalid", () => attempts.count(tried))
        const passwordHash = yield* hasher.hash(given.password)
        yield* join(invitation, passwordHash).pipe(
          Effect.provideService(Caller, given.caller),
          // Whoever invites knows the code: without a limit they could ask whose phones have accounts.
          Effect.tapErrorTag("PhoneTaken", () => attempts.count(tried)),
        )
        const [[account]] = yield* db.readThrough("identity", [users.findAccountByPhone(invitation.phone)])
        if (account === undefined) return yield* new InvitationInvalid()
        return { token: yield* tokens.sign(account), account }
      })

      return { find, invite, cancel, accept }
    }),
  )

  static readonly layer = Invitations.layerNoDeps.pipe(
    Layer.provide([InvitationsRepo.layer, TeamRepo.layer, Users.layer]),
  )
}

const CODE_MIN = 100_000
const CODE_MAX = 999_999
const HIDDEN_CODE = "******"
const withoutCode = <I extends Invitation>(one: I): I => ({ ...one, invitation_code: HIDDEN_CODE })

const triedBy = (phone: string, { address }: CallerFacts): ReadonlyArray<Attempt> => [
  { kind: "invitation.phone", subject: phone },
  ...(address === null ? [] : [{ kind: "invitation.address", subject: address } as const]),
]
