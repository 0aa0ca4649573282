import * as Layer from "effect/Layer"
import { BitrixDriftGauges } from "./bitrix/BitrixDriftGauges.ts"
import { BitrixGauges } from "./bitrix/BitrixGauges.ts"
import { BitrixOutbound } from "./bitrix/BitrixOutbound.ts"
import { BitrixReconciler } from "./bitrix/BitrixReconciler.ts"
import { ParkedOrderEvents } from "./bitrix/ParkedOrderEvents.ts"
import { ImageSweeper } from "./images/ImageSweeper.ts"
import { ThumbnailMaker } from "./images/ThumbnailMaker.ts"
import { InboxGauges } from "./platform/InboxGauges.ts"
import { OutboxGauges } from "./platform/OutboxGauges.ts"
import { OutboxSweep } from "./platform/OutboxSweep.ts"

/** Everything that runs in the background. */
export const Actors = Layer.mergeAll(
  ParkedOrderEvents,
  BitrixOutbound,
  BitrixReconciler,
  BitrixGauges,
  BitrixDriftGauges,
  InboxGauges,
  OutboxGauges,
  OutboxSweep,
  ThumbnailMaker,
  ImageSweeper,
)
