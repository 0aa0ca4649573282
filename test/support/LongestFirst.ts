/**
 * The order of the files. Left to their sizes, a short file with a long test may begin last, and one worker is at it
 * when the others are done.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Those that take ten seconds and more, the longest first. */
const LONGEST = [
  "bitrix/reconciliation",
  "auth/login",
  "isolation/mixedLoad",
  "bitrix/bitrixCli",
  "isolation/matrix",
  "bitrix/outboundDurability",
  "bitrix/bitrixOutage",
  "platform/outage",
  "platform/R2",
  "platform/Outbox",
  "bitrix/BitrixGauges",
  "images/sweep",
  "platform/EmbeddedPostgres",
  "bitrix/durability",
  "images/upload",
  "bitrix/webhookProperties",
  "auth/rotation",
  "bitrix/syncLaws",
  "platform/lifecycle",
  "auth/proxies",
  "demo/demo",
]

const placeOf = ({ moduleId }: TestSpecification): number => {
  const place = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
  return place === -1 ? LONGEST.length : place
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}
