import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"

export class SyncConflictNotFound extends Schema.Error<SyncConflictNotFound>("SyncConflictNotFound")(
  fault("SyncConflictNotFound", "Conflict not found"),
  { httpApiStatus: 404 },
) {}

export class SyncConflictDecided extends Schema.Error<SyncConflictDecided>("SyncConflictDecided")(
  fault("SyncConflictDecided", "Conflict was decided the other way"),
  { httpApiStatus: 409 },
) {}

export class ConflictingProductDeleted extends Schema.Error<ConflictingProductDeleted>(
  "ConflictingProductDeleted",
)(fault("ConflictingProductDeleted", "Product was deleted: nothing can be put back on it"), {
  httpApiStatus: 409,
}) {}

export class ParkedFactNotFound extends Schema.Error<ParkedFactNotFound>("ParkedFactNotFound")(
  fault("ParkedFactNotFound", "Nothing parked has this id"),
  { httpApiStatus: 404 },
) {}
