import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Layer from "effect/Layer"
import { Welcome } from "./demo/Welcome.ts"
import { DatabaseUrl } from "./platform/DatabaseUrl.ts"
import { exitWithSuccessOnSignal, sayWhy } from "./platform/Exit.ts"
import { JsonLog } from "./platform/JsonLog.ts"
import { Telemetry } from "./platform/Telemetry.ts"
import { Service } from "./Service.ts"

Welcome.pipe(
  Layer.provide(Service),
  Layer.provide(DatabaseUrl.layer),
  Layer.provide(Telemetry.layer),
  Layer.provide(JsonLog),
  Layer.launch,
  sayWhy,
  NodeRuntime.runMain({ teardown: exitWithSuccessOnSignal, disableErrorReporting: true }),
)
