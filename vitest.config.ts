import { defineConfig } from "vitest/config"
import { COMPILE_CACHE } from "./test/support/CompileCache.ts"
import { LongestFirst } from "./test/support/LongestFirst.ts"

// Of the environment, because a worker compiles before anybody can tell it otherwise.
Object.assign(process.env, COMPILE_CACHE)

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/postgresServer.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One more than the processors of a small machine: many tests wait for most of their time.
    maxWorkers: 3,
    // Each of them may start two nodes, and the server takes a hundred connections from all.
    maxConcurrency: 3,
    sequence: { sequencer: LongestFirst },
    reporters: ["default"],
  },
})
