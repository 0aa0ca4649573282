/** Generator that posts webhooks: one keep-alive HTTP/1.1 connection per sender, as little work per request as can be. */
import type { Socket } from "node:net"
import { connect } from "node:net"
import type { Step } from "./events.ts"
import { CHANGED_BY_ID, NOTES } from "./events.ts"
import type { Job, Senders } from "./generator.ts"
import { takeJobs } from "./generator.ts"

const secret = process.env["WEBHOOK_SECRET"] ?? ""

const open = async ({ port, concurrency }: Job): Promise<Senders> => {
  const connections = await Promise.all(Array.from({ length: concurrency }, () => Connection.open(port)))
  return {
    sends: connections.map((connection) => (step) => connection.post(step)),
    close: async () => {
      for (const connection of connections) connection.close()
    },
  }
}

const ANSWER_WITHIN_MS = 10_000
const HEADERS_END = "\r\n\r\n"

class Connection {
  private readonly socket: Socket
  private readonly head: string
  private received = ""
  private settle: ((failure: string | null) => void) | undefined

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true })
      socket.once("error", reject)
      socket.once("connect", () => resolve(new Connection(socket, port)))
    })
  }

  constructor(socket: Socket, port: number) {
    this.socket = socket
    this.head =
      `POST /api/v1/webhooks/order-status-sync HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n` +
      `content-type: application/json\r\nx-webhook-secret: ${secret}\r\ncontent-length: `
    socket.setEncoding("latin1")
    socket.on("data", (text: string) => this.take(text))
    socket.on("error", (error) => this.finish(error.message))
    socket.on("close", () => this.finish("the server closed the connection"))
    socket.setTimeout(ANSWER_WITHIN_MS, () => {
      this.finish(`no answer in ${ANSWER_WITHIN_MS} ms`)
      socket.destroy()
    })
  }

  post({ bitrixOrderId, code }: Step): Promise<string | null> {
    const body = `{"order_id":${bitrixOrderId},"status":"${code}","changed_by_id":${CHANGED_BY_ID},"notes":"${NOTES}"}`
    return new Promise((resolve) => {
      this.settle = resolve
      if (this.socket.destroyed) return this.finish("the server closed the connection")
      this.socket.write(`${this.head}${Buffer.byteLength(body)}${HEADERS_END}${body}`)
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
    const isSuccess = this.received.startsWith("HTTP/1.1 2") && SUCCESS.test(this.received)
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
const SUCCESS = /"status": ?"success"/

takeJobs(open)
