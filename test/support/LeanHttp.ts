/**
 * The cheapest client that still reads whole answers: one socket, one request at a time, keep-alive, answers with a
 * `content-length`. A request may be left before its answer; the next one takes a new connection.
 */
import { connect, type Socket } from "node:net"

export interface LeanAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Longer than the service takes for anything. */
const ANSWER_WITHIN_MS = 10_000

export const open = (url: string) => {
  const { hostname, port } = new URL(url)
  let socket: Socket | undefined
  let received = ""
  let awaiting: ((answer: LeanAnswer | null) => void) | undefined

  const settle = (answer: LeanAnswer | null) => {
    const resolve = awaiting
    awaiting = undefined
    resolve?.(answer)
  }

  const read = (chunk: string) => {
    received += chunk
    const end = received.indexOf("\r\n\r\n")
    if (end === -1) return
    const head = received.slice(0, end)
    const length = /content-length: (\d+)/i.exec(head)?.[1]
    if (length === undefined) throw new Error(`an answer without a length: ${head}`)
    const start = end + 4
    // Lengths count bytes; text is latin1 until it is whole.
    if (received.length < start + Number(length)) return
    if (received.length > start + Number(length)) throw new Error("more than one answer to one request")
    const body = Buffer.from(received.slice(start), "latin1").toString()
    received = ""
    settle({ status: Number(head.slice(9, 12)), head, body })
  }

  const connected = (): Socket => {
    if (socket !== undefined && !socket.destroyed) return socket
    received = ""
    const made = connect({ host: hostname, port: Number(port), noDelay: true })
    made.setEncoding("latin1")
    made.on("data", (chunk) => {
      if (made === socket) read(String(chunk))
    })
    const over = () => {
      if (made === socket) {
        socket = undefined
        settle(null)
      }
    }
    made.setTimeout(ANSWER_WITHIN_MS, () => made.destroy())
    made.on("error", over)
    made.on("close", over)
    socket = made
    return made
  }

  return {
    /** Null when the connection ended before the answer, or nothing came for long. */
    ask: (request: string): Promise<LeanAnswer | null> =>
      new Promise((resolve) => {
        awaiting = resolve
        connected().write(request, "utf8")
      }),
    /** Sends the request and leaves before the answer, or in the middle of it. */
    leave: (request: string, afterMs: number): Promise<void> =>
      new Promise((resolve) => {
        awaiting = undefined
        const left = connected()
        left.write(request, "utf8")
        setTimeout(() => {
          if (left === socket) socket = undefined
          left.destroy()
          resolve()
        }, afterMs)
      }),
    close: () => socket?.destroy(),
  }
}

const WORDS_CHARS_MAX = 300

export const inWords = (answer: LeanAnswer | null): string =>
  answer === null ? "no answer" : `${answer.status} ${answer.body.slice(0, WORDS_CHARS_MAX)}`

export const requestText = (
  method: string,
  path: string,
  headers: Readonly<{ [name: string]: string }> = {},
  body = "",
): string =>
  `${method} ${path} HTTP/1.1\r\nhost: localhost\r\n${Object.entries({
    ...headers,
    ...(method === "GET" ? {} : { "content-length": String(Buffer.byteLength(body)) }),
  })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n${body}`
