/** Places of pictures. What is shown is shown to everybody; the store of the matrix is empty but for what it uploads. */
import type { Asked, Call, Places } from "./places.ts"

/** As much of a picture as is looked at, and another for every case. */
const picture = ({ shop, turn }: Asked): Call => ({
  content: { text: `GIF89a of ${shop}, ${turn}`, type: "image/gif" },
})

export const images: Places = {
  "POST /api/v1/images": { success: 200, isForMachines: true, call: picture },
  "POST /images/upload": { success: 201, isForMachines: true, call: picture },
  "POST /upload": { success: 201, isForMachines: true, call: picture },
  // Not found says again what was asked for.
  "GET /images/{key}": { success: 404, publishes: ["key"], call: () => ({}) },
  "GET /images": { success: 400, call: () => ({}) },
}
