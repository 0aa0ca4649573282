/**
 * Keys of machines: bots, the AI agent, whatever calls for a shop without being a person.
 *
 * A key is shown once, when it is made; afterwards only its hash is known. Two of one name live at once: make the next,
 * give it to the machine, revoke the last. A revoked key is refused by the next request.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db, Refusal } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Unauthenticated } from "./Access.ts"
import type { Permission } from "./Permission.ts"
import type { ServiceCredential, ServiceCredentialId } from "./ServiceCredential.ts"
import { ServiceCredentialNotFound, ServiceCredentialsTooMany } from "./ServiceCredential.ts"
import { ServiceCredentialsRepo } from "./ServiceCredentialsRepo.ts"
import type { ServiceKey } from "./ServiceKey.ts"
import * as Key from "./ServiceKey.ts"
import type { UserId } from "./User.ts"

export class ServiceCredentials extends Context.Service<
  ServiceCredentials,
  {
    readonly authenticate: (key: ServiceKey) => Effect.Effect<
      {
        readonly id: ServiceCredentialId
        readonly permissions: ReadonlyArray<string>
      },
      Unauthenticated | DatabaseUnavailable
    >
    readonly list: Effect.Effect<ReadonlyArray<ServiceCredential>, DatabaseUnavailable, TenantContext>
    /** The key is in the answer and nowhere else. */
    readonly issue: (credential: {
      readonly name: string
      readonly permissions: ReadonlyArray<Permission>
      readonly createdBy: UserId | null
    }) => Effect.Effect<
      { readonly credential: ServiceCredential; readonly key: string },
      ServiceCredentialsTooMany | DatabaseUnavailable,
      TenantContext
    >
    readonly revoke: (
      id: ServiceCredentialId,
    ) => Effect.Effect<ServiceCredential, ServiceCredentialNotFound | DatabaseUnavailable, TenantContext>
  }
>()("cvety/auth/ServiceCredentials") {
  static readonly layerNoDeps = Layer.effect(
    ServiceCredentials,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* ServiceCredentialsRepo

      const authenticate = Effect.fn("ServiceCredentials.authenticate")(function* (key: ServiceKey) {
        const tenant = { shopId: key.shopId }
        const [[machine]] = yield* Effect.provideService(
          db.read([repo.findByKey(key)]),
          TenantContext,
          tenant,
        )
        if (machine === undefined) return yield* new Unauthenticated()
        if (machine.is_use_to_be_noted) {
          yield* db
            .transact({
              read: [],
              write: () => ({ queries: [repo.noteUse(key.shopId, machine.id)], answer: undefined }),
            })
            .pipe(Effect.provideService(TenantContext, tenant))
        }
        return machine
      })

      const list = Effect.gen(function* () {
        const { shopId } = yield* TenantContext
        const [credentials] = yield* db.read([repo.findAll(shopId)])
        return credentials
      })

      const issue: ServiceCredentials["Service"]["issue"] = Effect.fn("ServiceCredentials.issue")(function* ({
        name,
        permissions,
        createdBy,
      }) {
        const { shopId } = yield* TenantContext
        const secret = Key.makeSecret()
        const credential = yield* db.transact({
          read: [repo.insert(shopId, { name, permissions, secretHash: Key.hashOf(secret), createdBy })],
          write: ([[made]]) => ({
            queries: [],
            answer: made ?? new Refusal(new ServiceCredentialsTooMany()),
          }),
        })
        return { credential, key: Key.format(shopId, credential.id, secret) }
      })

      const revoke = Effect.fn("ServiceCredentials.revoke")(function* (id: ServiceCredentialId) {
        const { shopId } = yield* TenantContext
        return yield* db.transact({
          read: [repo.revoke(shopId, id)],
          write: ([[revoked]]) => ({
            queries: [],
            answer: revoked ?? new Refusal(new ServiceCredentialNotFound()),
          }),
        })
      })

      return { authenticate, list, issue, revoke }
    }),
  )

  static readonly layer = ServiceCredentials.layerNoDeps.pipe(Layer.provide(ServiceCredentialsRepo.layer))
}
