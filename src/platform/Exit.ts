/** How the process ends: what it says when it cannot go on, and with which code. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"

/** One line that a person can act on, for a service or a tool that had to give up. */
export const sayWhy = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.tapCause(program, (cause) =>
    Cause.hasInterruptsOnly(cause) || wasSaid(cause)
      ? Effect.void
      : Effect.sync(() =>
          process.stderr.write(`cvety: ${Cause.prettyErrors(cause).map(messageOf).join("; ")}\n`),
        ),
  )

/** Of a wrong call of a tool, everything stands above already. */
const wasSaid = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.every((reason) => reason._tag === "Fail" && !Runtime.getErrorReported(reason.error))

// The innermost cause says what really happened: a refused connection rather than a failed query.
const messageOf = (error: Error): string => {
  const inner = error.cause instanceof Error ? messageOf(error.cause) : undefined
  return inner === undefined || error.message.includes(inner) ? error.message : `${error.message}: ${inner}`
}

/** A node that was told to stop and stopped has succeeded: supervisors read 130 or 143 as a crash. */
export const exitWithSuccessOnSignal: Runtime.Teardown = (exit, onExit) =>
  onExit(exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
