/**
 * A wire between the service and PostgreSQL that can be counted and cut.
 *
 *   pass       hands everything on
 *   blackhole  takes connections and bytes and hands nothing on; what was held back flows when it passes again
 *   reset      takes connections and resets them, the open ones included
 *   refuse     resets the open connections and closes the port
 *
 * A round trip begins when a client speaks after it was spoken to, whatever number of packets it takes.
 */
import type { AddressInfo, Server, Socket } from "node:net"
import { connect, createServer } from "node:net"
import * as Effect from "effect/Effect"

type Mode = "pass" | "blackhole" | "reset" | "refuse"

export class TcpProxy {
  static readonly to = (databaseUrl: string) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const proxy = new TcpProxy(new URL(databaseUrl))
        await proxy.setMode("pass")
        return proxy
      }),
      (proxy) => Effect.promise(() => proxy.setMode("refuse")),
    )

  roundTrips = 0
  private mode: Mode = "refuse"
  private port = 0
  private listener: Server | undefined
  private readonly sockets = new Set<Socket>()
  private readonly target: URL

  private constructor(target: URL) {
    this.target = target
  }

  /** The database as it is reached through here. */
  get url(): string {
    const url = new URL(this.target)
    url.hostname = "127.0.0.1"
    url.port = String(this.port)
    return url.toString()
  }

  async setMode(mode: Mode): Promise<void> {
    this.mode = mode
    for (const socket of this.sockets) {
      if (mode === "pass") socket.resume()
      else if (mode === "blackhole") socket.pause()
      else socket.resetAndDestroy()
    }
    const { listener } = this
    if (mode === "refuse" && listener !== undefined) {
      this.listener = undefined
      await new Promise((resolve) => listener.close(resolve))
    }
    if (mode !== "refuse" && listener === undefined) {
      const opened = createServer((client) => this.take(client))
      await new Promise<void>((resolve) => opened.listen(this.port, "127.0.0.1", resolve))
      this.port = (opened.address() as AddressInfo).port
      this.listener = opened
    }
  }

  private take(client: Socket): void {
    if (this.mode === "reset") {
      client.resetAndDestroy()
      return
    }
    const server = connect(Number(this.target.port), this.target.hostname)
    let isAnswered = true
    client.on("data", () => {
      if (isAnswered) this.roundTrips += 1
      isAnswered = false
    })
    server.on("data", () => {
      isAnswered = true
    })
    this.join(client, server)
    this.join(server, client)
    if (this.mode === "blackhole") {
      client.pause()
      server.pause()
    }
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from)
    from.setNoDelay(true)
    from.on("data", (bytes) => to.write(bytes))
    from.on("end", () => to.end())
    from.on("error", () => to.resetAndDestroy())
    from.on("close", () => {
      this.sockets.delete(from)
      if (from.errored === null) to.end()
      else to.resetAndDestroy()
    })
  }
}
