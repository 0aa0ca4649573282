import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"

/** Operators of the platform are made and unmade by the command line only. */
export class SuperadminProtected extends Schema.Error<SuperadminProtected>("SuperadminProtected")(
  fault("SuperadminProtected", "Cannot block superadmin users"),
  { httpApiStatus: 403 },
) {}

export class StatusUnknown extends Schema.Error<StatusUnknown>("StatusUnknown")(
  fault("StatusUnknown", "Invalid status"),
  { httpApiStatus: 400 },
) {}
