/** `/upload/...` on the site itself: every file that Bitrix tells of is one red pixel. */
import type { Answer } from "./Exchange.ts"

export const UPLOAD_PREFIX = "/upload/"

const PIXEL = Buffer.from(
  "/9j/2wBDAP//////////////////////////////////////////////////////////////////////////////////////2wBDAf///////////" +
    "///////////////////////////////////////////////////////////////////////////wAARCAABAAEDASIAAhEBAxEB/8QAFQABAQAAA" +
    "AAAAAAAAAAAAAAAAAL/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAAAAL/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oA" +
    "DAMBAAIRAxEAPwCQBb//2Q==",
  "base64",
)

export const uploadedFile: Answer = { status: 200, body: PIXEL, headers: { "content-type": "image/jpeg" } }
