/** Places of the sync with Bitrix, as the people of a shop see it. */
import { insertConflict, insertParkedFact } from "../support/MarkedShop.ts"
import type { Places } from "./places.ts"

export const sync: Places = {
  "GET /api/v1/sync/status": { success: 200, isForMachines: true, call: () => ({}) },
  "GET /api/v1/sync/conflicts": {
    success: 200,
    isForMachines: true,
    call: () => ({ query: { state: "all" } }),
  },
  "POST /api/v1/sync/conflicts/{conflict_id}/resolve": {
    success: 200,
    isForMachines: true,
    record: { of: insertConflict },
    call: () => ({ body: { choose: "ours" } }),
  },
  "POST /api/v1/sync/parked/{id}/retry": {
    success: 200,
    isForMachines: true,
    record: { of: insertParkedFact },
    call: () => ({}),
  },
}
