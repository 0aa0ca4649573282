import * as Effect from "effect/Effect"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import postgres from "postgres"
import * as World from "../world.ts"
import * as Process from "../process.ts"
import * as Goods from "./goods.ts"
import * as Servers from "./servers.ts"
NodeRuntime.runMain(Effect.scoped(Effect.gen(function* () {
  const world = yield* World.make(1, null)
  const sql = postgres(world.ownerUrl, { max: 1, onnotice: () => {} })
  const simulator = yield* Servers.startSimulator(null)
  const node = yield* Servers.startNode(world.ownerUrl, simulator, null)
  yield* Effect.promise(() => Goods.seedBulk(simulator))
  yield* Effect.promise(() => Goods.insertBulk(sql))
  yield* Effect.promise(async () => {
    for (let turn = 0; turn < 3; turn++) {
      await simulator.control("webhooks", { echo: false })
      const known = (await simulator.control("writes")).length
      await Goods.vacuum(sql)
      const cpu = () => [Process.cpuMs(node.pid), Process.familyCpuMs(world.pid), Process.cpuMs(simulator.pid)]
      const t0 = await Goods.changeAll(sql, Goods.BULK)
      let last = known, lastC = cpu()
      const progress = setInterval(async () => {
        const s = await simulator.control("state"); const c = cpu()
        const n = s.writes - last
        console.log(turn, Date.now()-t0, n, c.map((x, i) => ((x - lastC[i]) * 1000 / n).toFixed(0) + "us").join(" ")); last = s.writes; lastC = c
      }, 3000)
      const t1 = await Goods.untilTold(sql, 200000)
      clearInterval(progress)
      const writes = (await simulator.control("writes")).slice(known)
      console.log("TURN", turn, (t1 - t0)/1000, writes.length, new Set(writes.map((w) => w.id)).size)
    }
    await sql.end()
  })
})))
