import * as Cause from "effect/Cause"
import type * as Runtime from "effect/Runtime"

/** A node that was told to stop and stopped has succeeded: supervisors read 130 or 143 as a crash. */
export const exitWithSuccessOnSignal: Runtime.Teardown = (exit, onExit) =>
  onExit(exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
