import { sql } from "../platform/Query.ts"

/** The columns of `Shop`, of a table that is called `s`. The driver has no text for times of a day. */
export const shopColumns = sql.literal(
  `s.id, s.name, s.owner_id, s.phone, s.address, s.city,
   to_char(s.weekday_start, 'HH24:MI') AS weekday_start, to_char(s.weekday_end, 'HH24:MI') AS weekday_end,
   s.weekday_closed,
   to_char(s.weekend_start, 'HH24:MI') AS weekend_start, to_char(s.weekend_end, 'HH24:MI') AS weekend_end,
   s.weekend_closed,
   s.delivery_cost, s.free_delivery_amount, s.pickup_available, s.delivery_available, s.is_active, s.time_zone,
   s.review_count, s.rating_sum, s.created_at, s.updated_at`,
)
