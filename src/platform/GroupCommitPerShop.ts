/** A group commit for each shop: a transaction has one shop, so its events commit together with none but its own. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Overloaded } from "../shared/Overloaded.ts"
import type { ShopId } from "../shared/ShopId.ts"
import * as GroupCommit from "./GroupCommit.ts"
import { TenantContext } from "./TenantContext.ts"

export interface GroupCommitPerShop<A, B, E> {
  /** For the shop of `TenantContext`. */
  readonly submit: (item: A) => Effect.Effect<B, E | Overloaded, TenantContext>
}

export interface Options<A, B, E> extends Omit<GroupCommit.Options<A, B, E>, "commit"> {
  readonly commit: (
    shopId: ShopId,
    batch: ReadonlyArray<A>,
  ) => Effect.Effect<ReadonlyArray<B | undefined>, E, TenantContext>
}

export const make = <A, B, E>(
  options: Options<A, B, E>,
): Effect.Effect<GroupCommitPerShop<A, B, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.Scope
    const making = yield* Semaphore.make(1)
    const groups = new Map<ShopId, GroupCommit.GroupCommit<A, B, E>>()

    const groupOf = (shopId: ShopId) =>
      Effect.suspend(() => {
        const group = groups.get(shopId)
        if (group !== undefined) return Effect.succeed(group)
        return GroupCommit.make<A, B, E>({
          ...options,
          commit: (batch) => Effect.provideService(options.commit(shopId, batch), TenantContext, { shopId }),
        }).pipe(
          Effect.tap((made) => Effect.sync(() => groups.set(shopId, made))),
          Effect.provideService(Scope.Scope, scope),
        )
      })

    return {
      submit: (item) =>
        Effect.flatMap(TenantContext, ({ shopId }) => {
          const group = groups.get(shopId)
          return group === undefined
            ? Effect.flatMap(making.withPermit(groupOf(shopId)), (made) => made.submit(item))
            : group.submit(item)
        }),
    }
  })
