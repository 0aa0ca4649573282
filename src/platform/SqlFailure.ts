import type { SqlError } from "effect/sql/SqlError"

/** Whether the database failed to answer, as opposed to refusing what it was asked. */
export const isOutage = ({ reason }: SqlError): boolean => {
  switch (reason._tag) {
    case "ConnectionError":
    case "AuthenticationError":
    case "LockTimeoutError":
    case "StatementTimeoutError":
      return true
    default:
      return OUTAGE_STATES.test(sqlState(reason.cause))
  }
}

/** Whether the transaction lost to another one; it is undone, and the same work may succeed a moment later. */
export const isConflict = ({ reason }: SqlError): boolean =>
  reason._tag === "UniqueViolation" || reason._tag === "DeadlockError" || reason._tag === "SerializationError"

/**
 * Whether a plan that a connection prepared went stale, because a migration changed its table. The driver may hide the
 * cause and report only that the transaction is aborted. It is undone; another connection may be as stale as this one.
 */
export const isPlanStale = ({ reason }: SqlError): boolean => {
  const state = sqlState(reason.cause)
  return state === RESULT_TYPE_CHANGED || state === IN_FAILED_TRANSACTION
}
const RESULT_TYPE_CHANGED = "0A000"
const IN_FAILED_TRANSACTION = "25P02"

/** The constraint that a statement broke. */
export const constraintOf = ({ reason }: SqlError): string | undefined =>
  typeof reason.cause === "object" && reason.cause !== null && "constraint" in reason.cause
    ? String(reason.cause.constraint)
    : undefined

/** Whether two sessions changed the same row of the system catalogue; PostgreSQL has no better word for it. */
export const isCatalogueRace = ({ reason }: SqlError): boolean => sqlState(reason.cause) === "XX000"

// Insufficient resources, operator intervention (shutdown, starting up), system errors such as a full disk.
const OUTAGE_STATES = /^(53|57|58)/

const sqlState = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : ""
