import * as Layer from "effect/Layer"
import { BitrixOutbound } from "./bitrix/BitrixOutbound.ts"
import { ParkedOrderEvents } from "./bitrix/ParkedOrderEvents.ts"
import { InboxGauges } from "./platform/InboxGauges.ts"

/** Everything that runs in the background. */
export const Actors = Layer.mergeAll(ParkedOrderEvents, BitrixOutbound, InboxGauges)
