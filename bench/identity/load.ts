/**
 * Asks one path over keep-alive connections, with as little work per request as can be: it shares its core with
 * PostgreSQL. Only a 200 with the expected piece of body counts.
 *
 *   closed loop   every connection asks again as soon as it was answered
 *   steady        so many requests per second, however long they take; latency counts from when one was due
 */
import type { Socket } from "node:net"
import { connect } from "node:net"

export interface ReadJob {
  readonly port: number
  readonly path: string
  /** Used in turn; none sends no credential. */
  readonly tokens: ReadonlyArray<string>
  readonly expected: string
  readonly connections: number
  readonly seconds: number
  /** Null for a closed loop. */
  readonly perSecond: number | null
}

export interface ReadOutcome {
  readonly successCount: number
  readonly failureCount: number
  readonly firstFailure: string | null
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const run = async (job: ReadJob): Promise<ReadOutcome> => {
  const connections = await Promise.all(
    Array.from({ length: job.connections }, () => Connection.open(job.port, job.expected)),
  )
  const heads = (job.tokens.length === 0 ? [null] : job.tokens).map((token) => headOf(job, token))
  const latenciesMs: Array<number> = []
  const failures: Array<string> = []
  let asked = 0
  const startMs = performance.now()
  const endMs = startMs + job.seconds * 1e3
  const ask = async (connection: Connection, sinceMs: number) => {
    const failure = await connection.get(heads[asked++ % heads.length] ?? "")
    if (failure === null) latenciesMs.push(performance.now() - sinceMs)
    else failures.push(failure)
  }
  const intervalMs = job.perSecond === null ? 0 : 1e3 / job.perSecond
  let due = 0
  const loop = async (connection: Connection) => {
    while (performance.now() < endMs && failures.length < FAILURES_MAX) {
      if (intervalMs === 0) {
        await ask(connection, performance.now())
        continue
      }
      const dueMs = startMs + due++ * intervalMs
      if (dueMs >= endMs) return
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      // A timer that fires late is the load's own lateness, not the server's.
      await ask(connection, waitMs > 0 ? performance.now() : dueMs)
    }
  }
  await Promise.all(connections.map(loop))
  for (const connection of connections) connection.close()
  latenciesMs.sort((a, b) => a - b)
  return {
    successCount: latenciesMs.length,
    failureCount: failures.length,
    firstFailure: failures[0] ?? null,
    seconds: (performance.now() - startMs) / 1e3,
    p50Ms: latenciesMs[Math.floor(latenciesMs.length * 0.5)] ?? 0,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
  }
}

const FAILURES_MAX = 20
const ANSWER_WITHIN_MS = 10_000
const HEADERS_END = "\r\n\r\n"

const headOf = ({ port, path }: ReadJob, token: string | null): string =>
  `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n` +
  (token === null ? "\r\n" : `authorization: Bearer ${token}${HEADERS_END}`)

class Connection {
  private readonly socket: Socket
  private readonly expected: string
  private received = ""
  private settle: ((failure: string | null) => void) | undefined

  static open(port: number, expected: string): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true })
      socket.once("error", reject)
      socket.once("connect", () => resolve(new Connection(socket, expected)))
    })
  }

  constructor(socket: Socket, expected: string) {
    this.socket = socket
    this.expected = expected
    socket.setEncoding("latin1")
    socket.on("data", (text: string) => this.take(text))
    socket.on("error", (error) => this.finish(error.message))
    socket.on("close", () => this.finish("the server closed the connection"))
    socket.setTimeout(ANSWER_WITHIN_MS, () => {
      this.finish(`no answer in ${ANSWER_WITHIN_MS} ms`)
      socket.destroy()
    })
  }

  get(head: string): Promise<string | null> {
    return new Promise((resolve) => {
      this.settle = resolve
      if (this.socket.destroyed) return this.finish("the server closed the connection")
      this.socket.write(head)
    })
  }

  close(): void {
    this.settle = undefined
    this.socket.destroy()
  }

  private take(text: string): void {
    this.received = this.received === "" ? text : this.received + text
    const headersEnd = this.received.indexOf(HEADERS_END)
    if (headersEnd === -1) return
    const length = CONTENT_LENGTH.exec(this.received)?.[1]
    if (length === undefined) return this.finish("an answer without Content-Length")
    if (this.received.length < headersEnd + HEADERS_END.length + Number(length)) return
    const isSuccess = this.received.startsWith("HTTP/1.1 200 ") && this.received.includes(this.expected)
    this.finish(isSuccess ? null : this.received)
  }

  private finish(failure: string | null): void {
    const settle = this.settle
    this.settle = undefined
    this.received = ""
    settle?.(failure)
  }
}

const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/i

process.on("message", (job: ReadJob) => {
  run(job).then((outcome) => process.send?.(outcome))
})
process.on("disconnect", () => process.exit(0))
