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

/**
 * Whether the transaction lost to another one, or to a prepared plan that went stale (the driver then reports only that
 * the transaction is aborted); it is undone, and the same work may succeed a moment later.
 */
export const isConflict = ({ reason }: SqlError): boolean =>
  reason._tag === "UniqueViolation" ||
  reason._tag === "DeadlockError" ||
  reason._tag === "SerializationError" ||
  sqlState(reason.cause) === IN_FAILED_TRANSACTION ||
  sqlState(reason.cause) === PLAN_IS_STALE
const IN_FAILED_TRANSACTION = "25P02"
/** "Cached plan must not change result type", after a migration; another attempt prepares anew. */
const PLAN_IS_STALE = "0A000"

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
