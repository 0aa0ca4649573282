/** What operators do with the Bitrix of a shop: connect it, take its goods in, repair what differs. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BitrixClient } from "../bitrix/BitrixClient.ts"
import { BitrixConnections } from "../bitrix/BitrixConnections.ts"
import { BitrixConnectionsRepo } from "../bitrix/BitrixConnectionsRepo.ts"
import { BitrixDryRun } from "../bitrix/BitrixDryRun.ts"
import { BitrixPass } from "../bitrix/BitrixPass.ts"
import { BitrixSettings } from "../bitrix/BitrixSettings.ts"
import { ConflictsRepo } from "../bitrix/ConflictsRepo.ts"
import { ProductSync } from "../bitrix/ProductSync.ts"
import * as Actor from "../platform/Actor.ts"
import { Inbox } from "../platform/Inbox.ts"
import { Outbox } from "../platform/Outbox.ts"
import { Sealed } from "../platform/Sealed.ts"
import { VERSION } from "../system/SystemApi.ts"
import { connect, connections, disconnect, dropFormerSecret } from "./bitrixConnections.ts"
import { importListed, reconcile } from "./bitrixWalk.ts"
import { run } from "./run.ts"

const bitrix = Command.make("bitrix").pipe(
  Command.withDescription("The Bitrix of a shop"),
  Command.withSubcommands([importListed, reconcile, connect, dropFormerSecret, disconnect, connections]),
)

const services = Layer.mergeAll(BitrixPass.layer, BitrixDryRun.layer, ConflictsRepo.layer).pipe(
  Layer.provide(ProductSync.layer),
  Layer.provideMerge(BitrixConnections.layer),
  Layer.provide(BitrixClient.layer),
  Layer.provideMerge(BitrixConnectionsRepo.layer),
  Layer.provideMerge(Layer.mergeAll(Outbox.layer, Sealed.layer, BitrixSettings.layer)),
  Layer.provide([Inbox.layer, Actor.Actors.layer]),
)

run(Command.run(bitrix, { version: VERSION }).pipe(Effect.provide(services)))
