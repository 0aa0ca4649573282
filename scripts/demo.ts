/**
 * `npm run demo`: goods between this service and a Bitrix, played from beginning to end in half a minute.
 *
 * The service is the real one, with a PostgreSQL of its own in a folder that is removed again; Bitrix is the simulator
 * of the tests. What is printed was asked of both sides at that moment. Exits with 0 only if all was as it should be.
 */

import * as Stage from "./demo/Stage.ts"
import { scenes } from "./demo/scenes.ts"
import { Timeline } from "./demo/Timeline.ts"

interface Played {
  readonly title: string
  readonly seconds: number
  /** Null when it went as it should. */
  readonly failure: string | null
}

const COMPLAINTS_MAX = 3

const timeline = new Timeline()
timeline.say("", "starting a Bitrix, and the service with a PostgreSQL of its own")
const stage = await Stage.open(timeline)
const played: Array<Played> = []
const stop = () => void stage.close().then(() => process.exit(130))
process.once("SIGINT", stop)
process.once("SIGTERM", stop)

for (const [index, { title, play }] of scenes.entries()) {
  timeline.title(`${index + 1}  ${title}`)
  const startMs = performance.now()
  const failure = await play(stage).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  if (failure !== null) {
    timeline.fail(failure)
    for (const line of stage.complaints().slice(-COMPLAINTS_MAX)) timeline.say("here", line)
    stage.bitrix.heal()
    stage.bitrix.webhooks.mode = "on"
    await stage.bitrix.accept()
  }
  played.push({ title, seconds: (performance.now() - startMs) / 1e3, failure })
}
const counters = await stage.counters()
await stage.close()

timeline.table(
  ["scene", "", "seconds"],
  played.map(({ title, seconds, failure }) => [
    title,
    failure === null ? "as it should be" : `FAILED: ${failure}`,
    seconds.toFixed(1),
  ]),
)
timeline.table(["counted", ""], counters)
const failed = played.filter(({ failure }) => failure !== null).length
timeline.end(
  failed === 0 ? "Both sides are the same." : `${failed} of ${played.length} scenes failed.`,
  failed === 0,
)
process.exitCode = failed === 0 ? 0 : 1
