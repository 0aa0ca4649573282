import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import * as DemoSeed from "../demo/DemoSeed.ts"
import { run } from "./run.ts"

run(
  Effect.andThen(DemoSeed.seed, Console.log("The demo world is there: shops 8 and 17008, order 789.")).pipe(
    Effect.provide(PasswordHasher.layer),
  ),
)
