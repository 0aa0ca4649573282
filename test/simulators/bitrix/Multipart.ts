/** As much of multipart/form-data as the uploads need: which parts have which name, and their bytes. */
import type { Exchange } from "./Exchange.ts"

interface FilePart {
  readonly fileName: string
  readonly bytes: Buffer
}

/** Empty when the body is of another type or has no such part. */
export const fileParts = ({ headers, body }: Exchange, wanted: string): ReadonlyArray<FilePart> => {
  const [, quoted, bare] =
    /^multipart\/form-data;.*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(headers["content-type"] ?? "") ?? []
  const boundary = quoted ?? bare
  return boundary === undefined ? [] : split(body, `--${boundary}`).flatMap((part) => fileIn(part, wanted))
}

const split = (body: Buffer, delimiter: string): ReadonlyArray<Buffer> => {
  const parts: Array<Buffer> = []
  let from = body.indexOf(delimiter)
  while (from !== -1) {
    const start = from + delimiter.length
    const end = body.indexOf(delimiter, start)
    if (end === -1) break
    parts.push(body.subarray(start + CRLF_BYTES, end - CRLF_BYTES))
    from = end
  }
  return parts
}
const CRLF_BYTES = 2

const fileIn = (part: Buffer, wanted: string): ReadonlyArray<FilePart> => {
  const headEnd = part.indexOf("\r\n\r\n")
  const head = part.subarray(0, headEnd).toString()
  const name = /[;\s]name="([^"]*)"/i.exec(head)?.[1]
  const fileName = /filename="([^"]*)"/i.exec(head)?.[1]
  return headEnd === -1 || name !== wanted || fileName === undefined
    ? []
    : [{ fileName, bytes: part.subarray(headEnd + 2 * CRLF_BYTES) }]
}
