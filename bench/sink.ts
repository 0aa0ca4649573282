/** A collector that takes every export and forgets it: what we send costs us, what is done with it costs nobody. */
import { createServer } from "node:http"

const taken = { requestCount: 0, byteCount: 0 }

createServer((request, response) => {
  if (request.method === "GET") {
    response.setHeader("content-type", "application/json")
    return response.end(JSON.stringify(taken))
  }
  request.on("data", (chunk: Buffer) => {
    taken.byteCount += chunk.length
  })
  request.on("end", () => {
    taken.requestCount += 1
    response.writeHead(200, { "content-type": "application/json", "content-length": 2 }).end("{}")
  })
}).listen(Number(process.env["PORT"]), "127.0.0.1")
