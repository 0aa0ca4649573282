import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/**
 * Pictures that shops uploaded. The key names the content (SHA-256, then the kind), so a shop has a picture once, and
 * shops with the same picture share one object of the store.
 *
 * `stored_at` is null until the object is there. Whoever makes thumbnails takes rows that are `pending` and whose
 * `thumbnails_after` has come. `sweep_after` is when somebody looks next whether the picture is used; `was_unused` what
 * the last look found, and true of a picture that just came.
 *
 * A key in `image_removal` is being taken from the store, by decision of nobody's shop, since no shop has it any more:
 * until then nobody may upload it again.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    CREATE TABLE image (
      shop_id             integer NOT NULL REFERENCES shop (id),
      key                 text NOT NULL CHECK (key ~ '^[0-9a-f]{64}[.](jpg|png|webp|gif)$'),
      size_bytes          integer NOT NULL CHECK (size_bytes > 0),
      width               integer CHECK (width > 0),
      height              integer CHECK (height > 0),
      created_at          timestamptz NOT NULL DEFAULT now(),
      stored_at           timestamptz,
      thumbnails          text NOT NULL DEFAULT 'pending' CHECK (thumbnails IN ('pending', 'made', 'parked')),
      thumbnails_attempts integer NOT NULL DEFAULT 0 CHECK (thumbnails_attempts >= 0),
      thumbnails_after    timestamptz NOT NULL DEFAULT now(),
      thumbnails_error    text,
      was_unused          boolean NOT NULL DEFAULT true,
      sweep_after         timestamptz NOT NULL,
      PRIMARY KEY (shop_id, key),
      CHECK ((thumbnails = 'parked') = (thumbnails_error IS NOT NULL))
    )`
  yield* sql`CREATE INDEX image_key ON image (key)`
  yield* sql`
    CREATE INDEX image_without_thumbnails ON image (thumbnails_after)
    WHERE thumbnails = 'pending' AND stored_at IS NOT NULL`
  yield* sql`CREATE INDEX image_sweep ON image (sweep_after, key)`

  yield* sql`SELECT protect_tenant_table('image', 'shop_id')`
  yield* sql`
    GRANT SELECT, INSERT, UPDATE (stored_at, thumbnails, thumbnails_attempts, thumbnails_after, thumbnails_error,
                                  was_unused, sweep_after)
    ON image TO cvety_app`
  yield* sql`
    GRANT SELECT, DELETE, UPDATE (width, height, thumbnails, thumbnails_attempts, thumbnails_after, thumbnails_error,
                                  was_unused, sweep_after)
    ON image TO cvety_across_shops`

  yield* sql`
    CREATE TABLE image_removal (
      key   text PRIMARY KEY,
      until timestamptz NOT NULL
    )`
  yield* sql`CREATE INDEX image_removal_until ON image_removal (until)`
  yield* sql`GRANT SELECT ON image_removal TO cvety_app`
  yield* sql`GRANT SELECT, INSERT, UPDATE, DELETE ON image_removal TO cvety_across_shops`

  // The picture of ours that a URL leads to, whatever stands before and after its key; null for any other URL.
  yield* sql`
    CREATE FUNCTION image_key(url text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN substring(url FROM '[0-9a-f]{64}[.](?:jpg|png|webp|gif)')`
  yield* sql`CREATE INDEX product_image_key ON product (image_key(image)) WHERE image_key(image) IS NOT NULL`
  yield* sql`
    CREATE INDEX product_image_url_key ON product_image (image_key(url)) WHERE image_key(url) IS NOT NULL`
})
