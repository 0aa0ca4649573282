/**
 * A store belongs to one database: the one whose name stands in its object `owner`. Any other, such as a copy for
 * trying things out, reads and adds, and must never remove what it does not know. To give a store to another database,
 * remove the object.
 */

import { createHash } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MutableRef from "effect/MutableRef"
import * as Stream from "effect/Stream"
import { Db } from "../platform/Db.ts"
import { R2 } from "../platform/R2.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { ObjectKey } from "../shared/ObjectKey.ts"
import type { R2Unavailable } from "../shared/R2Unavailable.ts"
import { ImagesRepo } from "./ImagesRepo.ts"

const OWNER = ObjectKey.make("owner")

export class StoreOwner extends Context.Service<
  StoreOwner,
  {
    /** Takes a store that is nobody's. Before anything is put. */
    readonly claim: Effect.Effect<void, R2Unavailable | DatabaseUnavailable>
    /** Whether the store is this database's. Before anything is removed. */
    readonly isOurs: Effect.Effect<boolean, R2Unavailable | DatabaseUnavailable>
  }
>()("cvety/images/StoreOwner") {
  static readonly layer = Layer.effect(
    StoreOwner,
    Effect.gen(function* () {
      const r2 = yield* R2
      const db = yield* Db
      const repo = yield* ImagesRepo
      const isTaken = MutableRef.make(false)

      const databaseId = Effect.map(
        db.readThrough("across_shops", [repo.findDatabaseId()]),
        ([[database]]) => database?.id ?? "",
      )

      const owner = Effect.scoped(
        Effect.gen(function* () {
          const found = yield* r2.get(OWNER)
          if (found === undefined || "isUnchanged" in found) return undefined
          return yield* Stream.mkString(Stream.decodeText(found.content))
        }),
      )

      const claim = Effect.gen(function* () {
        if (isTaken.current) return
        if ((yield* owner) === undefined) {
          const bytes = Buffer.from(yield* databaseId)
          yield* r2.put(OWNER, {
            sizeBytes: bytes.length,
            sha256: createHash("sha256").update(bytes).digest("hex"),
            contentType: "text/plain",
            content: Stream.succeed(bytes),
          })
        }
        MutableRef.set(isTaken, true)
      })

      const isOurs = Effect.gen(function* () {
        return (yield* owner) === (yield* databaseId)
      })

      return { claim, isOurs }
    }),
  )
}
