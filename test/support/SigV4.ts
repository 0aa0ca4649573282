/**
 * Signature version 4 as the AWS documents describe it, for a server that doubts every request: nothing of it is
 * shared with the client that signs.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import type { IncomingMessage } from "node:http"

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

const SKEW_MS_MAX = 15 * 60_000

/** The code of the S3 API for what is wrong with a request; undefined when it is signed as it must be. */
export const refusalOf = (
  request: IncomingMessage,
  bodySha256: string,
  credentials: Credentials,
):
  | "AccessDenied"
  | "InvalidAccessKeyId"
  | "RequestTimeTooSkewed"
  | "SignatureDoesNotMatch"
  | "XAmzContentSHA256Mismatch"
  | undefined => {
  const header = (name: string) => String(request.headers[name] ?? "")
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      header("authorization"),
    )
  if (parts === null) return "AccessDenied"
  const [, accessKeyId = "", day = "", region = "", signedNames = "", signature = ""] = parts
  if (accessKeyId !== credentials.accessKeyId) return "InvalidAccessKeyId"
  const time = header("x-amz-date")
  if (!time.startsWith(day) || Math.abs(Date.now() - parseTime(time)) > SKEW_MS_MAX) {
    return "RequestTimeTooSkewed"
  }
  const names = signedNames.split(";")
  const mustBeSigned = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))]
  if (region !== credentials.region || mustBeSigned.some((name) => !names.includes(name))) {
    return "SignatureDoesNotMatch"
  }
  const [path = "", query = ""] = (request.url ?? "").split("?")
  const canonical = [
    request.method,
    path.split("/").map(decodeURIComponent).map(encoded).join("/"),
    canonicalQuery(query),
    ...names.map((name) => `${name}:${header(name).trim().replace(/ +/g, " ")}`),
    "",
    signedNames,
    header("x-amz-content-sha256"),
  ].join("\n")
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n")
  const key = [day, region, "s3", "aws4_request"].reduce<Buffer | string>(
    (key, part) => createHmac("sha256", key).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  )
  const expected = createHmac("sha256", key).update(text).digest()
  if (!timingSafeEqual(expected, Buffer.from(signature, "hex"))) return "SignatureDoesNotMatch"
  return header("x-amz-content-sha256") === bodySha256 ? undefined : "XAmzContentSHA256Mismatch"
}

const canonicalQuery = (query: string): string =>
  [...new URLSearchParams(query)]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .toSorted()
    .join("&")

/** Everything but letters, digits and `-._~`. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const parseTime = (time: string): number =>
  Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"))

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")
