/** What every command-line tool stands on: the same database as the service, beside it or without it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { DatabaseUrl } from "../platform/DatabaseUrl.ts"
import { Db } from "../platform/Db.ts"
import { exitWithSuccessOnSignal, sayWhy } from "../platform/Exit.ts"
import { JsonLog } from "../platform/JsonLog.ts"
import { Migrations } from "../platform/Migrations.ts"

const database = Db.layer.pipe(
  Layer.provide(Migrations.layer),
  Layer.provideMerge(DatabaseUrl.layer),
  Layer.provide(Layer.succeed(References.TracerEnabled, false)),
  Layer.provide(JsonLog),
)

export const run = <E>(tool: Effect.Effect<void, E, Db | DatabaseUrl | NodeServices.NodeServices>): void =>
  tool.pipe(
    Effect.provide(Layer.merge(database, NodeServices.layer)),
    sayWhy,
    NodeRuntime.runMain({ teardown: exitWithSuccessOnSignal, disableErrorReporting: true }),
  )
