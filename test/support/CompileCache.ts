/** Compiled code of our programs, kept between processes and runs: without it every start compiles all of it again. */
import { tmpdir } from "node:os"
import { join } from "node:path"

export const COMPILE_CACHE = { NODE_COMPILE_CACHE: join(tmpdir(), "cvety-test-compile-cache") }
