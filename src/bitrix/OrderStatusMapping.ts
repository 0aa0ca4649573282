import * as Context from "effect/Context"
import type { OrderStatus } from "../orders/OrderStatus.ts"

/** Bitrix status codes, case-sensitive, and what they mean to us (system diagrams, "Mapping Table"). */
const documented: Readonly<Record<string, OrderStatus>> = {
  N: "new",
  PD: "paid",
  AP: "accepted",
  CO: "assembled",
  DE: "in_delivery",
  F: "delivered",
  RF: "cancelled",
  UN: "cancelled",
}

/**
 * The mapping in force. Events with a code it lacks are parked; once a release adds the code, they are applied.
 */
export const OrderStatusMapping = Context.Reference<ReadonlyMap<string, OrderStatus>>(
  "cvety/bitrix/OrderStatusMapping",
  { defaultValue: () => new Map(Object.entries(documented)) },
)
