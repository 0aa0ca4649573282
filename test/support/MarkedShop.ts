/**
 * Shops whose every row can be recognised wherever it turns up. A shop is a number of five digits; its records have
 * ids of that number and four more digits, its phones and texts carry it too.
 *
 *   shop 70001   order 700010001   phone +79970001001   "Букет 70001"   invitation code 700011
 */
import { createHash } from "node:crypto"
import * as argon2 from "@node-rs/argon2"
import type postgres from "postgres"
import type { UserRole } from "../../src/auth/Role.ts"
import { roles } from "../../src/auth/Role.ts"

export const PASSWORD = "correct horse"
/** A hash that costs nothing to verify. */
const passwordHash = await argon2.hash(PASSWORD, { memoryCost: 64, timeCost: 1, parallelism: 1 })

export const SERVICE_SECRET = "s".repeat(43)
const secretHash = createHash("sha256").update(SERVICE_SECRET).digest("hex")

export const idOf = (shop: number, place: number): number => shop * 10_000 + place
export const phoneOf = (shop: number, place: number): string =>
  `+799${shop}${String(place % 1_000).padStart(3, "0")}`
export const codeOf = (shop: number): string => `${shop}1`

/** Places of the records that every marked shop has. */
export const OWNER = 1
export const userOf = (role: UserRole): number => 11 + roles.indexOf(role)
export const BLOCKED_USER = 21
export const FORMER_VERSION_USER = 22
export const ORDER = 1
export const PRODUCT = 1
/** Goes with the product. */
export const COMPANION = 2
export const INVITATION = 1
/** Tells of no product that there is. */
const PARKED_FACT = 3
/** Keys of machines: with everything that one may be given, with one thing that no endpoint asks for, revoked. */
export const FULL_KEY = 1
export const POOR_KEY = 2
export const REVOKED_KEY = 3
export const keyOf = (shop: number, place: number): string =>
  `cvk_${shop}_${idOf(shop, place)}_${SERVICE_SECRET}`

/**
 * Finds what belongs to the shop, and not the same digits within a number in hexadecimal, as request ids are. Hashes
 * and secrets of any shop are found by `SECRETS`.
 */
export const marksOf = (shop: number): RegExp =>
  new RegExp(`(?<![\\da-f.])(?:${shop}(?:\\d|\\d{4})?|799${shop}\\d{3})(?![\\da-f])`)
export const SECRETS = new RegExp(`\\$argon2id|${secretHash}|${SERVICE_SECRET}`)

export const insertUser = (shop: number, place: number, role: UserRole, changes: object = {}): string =>
  insert(`"user"`, {
    id: idOf(shop, place),
    shop_id: shop,
    name: `Человек ${shop}`,
    phone: phoneOf(shop, place),
    role,
    is_superadmin: role === "SUPERADMIN",
    password_hash: passwordHash,
    ...changes,
  })

export const insertOrder = (shop: number, place: number): string =>
  insert(`"order"`, {
    id: idOf(shop, place),
    shop_id: shop,
    tracking_id: String(idOf(shop, place)),
    order_number: `${shop}-${place}`,
    customer_name: `Покупатель ${shop}`,
    phone: phoneOf(shop, 901),
    customer_email: `${shop}@example.kz`,
    delivery_address: `Адрес ${shop}`,
    delivery_notes: `Подъезд ${shop}`,
    subtotal: 1_200_000,
    total: 1_200_000,
    notes: `Заметка ${shop}`,
    telegram_user_id: `${shop}`,
    bitrix_order_id: idOf(shop, place),
    recipient_name: `Получатель ${shop}`,
    recipient_phone: phoneOf(shop, 902),
    sender_phone: phoneOf(shop, 903),
    pickup_address: `Самовывоз ${shop}`,
    delivery_type: `Тип ${shop}`,
    scheduled_time: `Время ${shop}`,
    payment_method: `Способ ${shop}`,
    order_comment: `Комментарий ${shop}`,
    kaspi_payment_id: `${shop}`,
    kaspi_payment_status: `Статус ${shop}`,
  }) +
  insert("order_item", {
    id: idOf(shop, place),
    shop_id: shop,
    order_id: idOf(shop, place),
    product_id: idOf(shop, PRODUCT),
    product_name: `Букет ${shop}`,
    product_price: 1_200_000,
    item_total: 1_200_000,
    special_requests: `Просьба ${shop}`,
  }) +
  insert("order_history", {
    shop_id: shop,
    order_id: idOf(shop, place),
    changed_by: `кто ${shop}`,
    field_name: `notes ${shop}`,
    old_value: `Было ${shop}`,
    new_value: `Стало ${shop}`,
    notes: `Почему ${shop}`,
    bitrix_user_id: idOf(shop, 1),
  })

export const insertProduct = (shop: number, place: number): string =>
  insert("product", {
    id: idOf(shop, place),
    shop_id: shop,
    name: `Букет ${shop}`,
    price: 1_200_000,
    description: `Описание ${shop}`,
    image: `https://images.example/${shop}.jpg`,
    colors: `{${shop}}`,
    occasions: `{${shop}}`,
    cities: `{${shop}}`,
    tags: `{${shop}}`,
  })

/** A product with one of everything that belongs to it, under the same number. */
export const insertWholeProduct = (shop: number, place: number): string =>
  insertProduct(shop, place) +
  insert("product_image", {
    id: idOf(shop, place),
    shop_id: shop,
    product_id: idOf(shop, place),
    url: `https://images.example/${shop}-2.jpg`,
  }) +
  insert("product_variant", {
    id: idOf(shop, place),
    shop_id: shop,
    product_id: idOf(shop, place),
    size: `L ${shop}`,
    price: 1_300_000,
  }) +
  insert("product_addon", {
    id: idOf(shop, place),
    shop_id: shop,
    product_id: idOf(shop, place),
    name: `Открытка ${shop}`,
    description: `С текстом ${shop}`,
  })

/** A product with a conflict under the same number. */
export const insertConflict = (shop: number, place: number): string =>
  insertProduct(shop, place) + conflictOf(shop, place)

const conflictOf = (shop: number, place: number): string =>
  insert("sync_conflict", {
    id: idOf(shop, place),
    shop_id: shop,
    product_id: idOf(shop, place),
    field: "description",
    ours: `"Наше ${shop}"`,
    theirs: `"Их ${shop}"`,
  })

export const insertParkedFact = (shop: number, place: number): string =>
  insert("outbox", {
    id: idOf(shop, place),
    shop_id: shop,
    target: "bitrix",
    aggregate_type: "product",
    aggregate_id: idOf(shop, place),
    payload: `{"text": "${shop}"}`,
    before: `{"name": "Букет ${shop}"}`,
    state: "parked",
    last_error: `Отказ ${shop}`,
    settled_at: new Date().toISOString(),
  })

/** Switched off, so that nobody works for it. The settings' connection of the shop counts no more beside it. */
export const insertConnection = (shop: number): string =>
  insert("bitrix_connection", {
    shop_id: shop,
    base_url: `https://bitrix-${shop}.example/api/v2`,
    update_path: `products/${shop}/{id}`,
    sealed_token: `\\x${Buffer.from(`Токен ${shop}`).toString("hex")}`,
    webhook_secret_hash: `\\x${createHash("sha256").update(`Секрет ${shop}`).digest("hex")}`,
    enabled: false,
  })

/** What the sync with Bitrix keeps about a shop. */
const insertSync = (shop: number): string =>
  insert("outbox_route", { shop_id: shop, target: `цель ${shop}` }) +
  insert("bitrix_product", {
    shop_id: shop,
    product_id: idOf(shop, PRODUCT),
    ours: `{"name": "Букет ${shop}"}`,
    theirs: `{"name": "Букет ${shop}"}`,
    sent: `[{"ours": {"name": "Букет ${shop}"}, "theirs": {}, "isDelivered": true}]`,
  }) +
  conflictOf(shop, PRODUCT) +
  insert("bitrix_pass", { shop_id: shop }) +
  insertParkedFact(shop, PARKED_FACT)

export const insertInvitation = (shop: number, place: number, changes: object = {}): string =>
  insert("team_invitation", {
    id: idOf(shop, place),
    shop_id: shop,
    phone: phoneOf(shop, 500 + place),
    name: `Приглашённый ${shop}`,
    role: "COURIER",
    invited_by: idOf(shop, OWNER),
    invitation_code: codeOf(shop),
    expires_at: new Date(Date.now() + 86_400_000).toISOString(),
    ...changes,
  })

export const insertCredential = (
  shop: number,
  place: number,
  permissions: ReadonlyArray<string>,
  changes: object = {},
): string =>
  insert("service_credential", {
    id: idOf(shop, place),
    shop_id: shop,
    name: `Бот ${shop} ${place}`,
    slot: 1,
    permissions: `{${permissions.join(",")}}`,
    secret_hash: `\\x${secretHash}`,
    created_by: idOf(shop, OWNER),
    last_used_at: new Date().toISOString(),
    ...changes,
  })

/** A shop with people of every role, keys, and at least one row in every table that belongs to shops but `bitrix_connection`. */
export const insertMarkedShop = (shop: number, grantable: ReadonlyArray<string>): string =>
  insertUser(shop, OWNER, "DIRECTOR") +
  insert("shop", {
    id: shop,
    name: `Магазин ${shop}`,
    owner_id: idOf(shop, OWNER),
    phone: phoneOf(shop, 900),
    address: `Улица ${shop}`,
    city: "Almaty",
  }) +
  roles.map((role) => insertUser(shop, userOf(role), role, { invited_by: idOf(shop, OWNER) })).join("") +
  insertUser(shop, BLOCKED_USER, "DIRECTOR", { is_active: false }) +
  insertUser(shop, FORMER_VERSION_USER, "DIRECTOR", { token_version: 2 }) +
  insertWholeProduct(shop, PRODUCT) +
  insertProduct(shop, COMPANION) +
  insert("product_bundle", {
    shop_id: shop,
    main_product_id: idOf(shop, PRODUCT),
    bundled_product_id: idOf(shop, COMPANION),
  }) +
  insert("image", {
    shop_id: shop,
    key: `${String(shop).padStart(64, "0")}.jpg`,
    size_bytes: 1_000,
    thumbnails: "parked",
    thumbnails_error: `Причина ${shop}`,
    sweep_after: new Date(Date.now() + 86_400_000).toISOString(),
  }) +
  insertOrder(shop, ORDER) +
  `UPDATE product_addon SET name = 'Новая открытка ${shop}' WHERE id = ${idOf(shop, PRODUCT)};` +
  insertInvitation(shop, INVITATION) +
  insertCredential(shop, FULL_KEY, grantable) +
  insertCredential(shop, POOR_KEY, [UNASKED]) +
  insertCredential(shop, REVOKED_KEY, grantable, { revoked_at: new Date().toISOString() }) +
  insert("ended_session", {
    id: `Сессия ${shop}`,
    shop_id: shop,
    user_id: idOf(shop, OWNER),
    expires_at: new Date(Date.now() + 86_400_000).toISOString(),
  }) +
  insert("company_review", {
    id: idOf(shop, 1),
    shop_id: shop,
    author_name: `Автор ${shop}`,
    rating: 4,
    text: `Отзыв ${shop}`,
  }) +
  insert("shop_milestone", { shop_id: shop }) +
  insertSync(shop) +
  insert("inbox", {
    id: `00000000-0000-4000-8000-0000000${shop}`,
    shop_id: shop,
    source: "bitrix.order_status",
    subject: `${shop}`,
    event_id: `${shop}`,
    payload: `{"notes": "${shop}"}`,
    answer: `{"reason": "${shop}"}`,
    state: "skipped",
    reason: `Причина ${shop}`,
    trace_parent: `${shop}`,
    settled_at: new Date().toISOString(),
  }) +
  insert("outbox", {
    shop_id: shop,
    target: `цель ${shop}`,
    aggregate_type: `вид ${shop}`,
    aggregate_id: `${shop}`,
    payload: `{"text": "${shop}"}`,
    trace_parent: `${shop}`,
    last_error: `${shop}`,
    available_at: new Date(Date.now() + 86_400_000).toISOString(),
  })

/** No endpoint that a machine may call asks for it. */
const UNASKED = "export_reports"

/** Statements in one packet are one transaction: keys that are checked at its end find their rows. */
export const run = (witness: postgres.ISql, statements: string): Promise<unknown> =>
  witness.unsafe(statements)

const insert = (table: string, row: object): string =>
  `INSERT INTO ${table} (${Object.keys(row).join(", ")}) OVERRIDING SYSTEM VALUE VALUES (${Object.values(row).map(literal).join(", ")});\n`

const literal = (value: unknown): string =>
  value === null ? "NULL" : `'${String(value).replaceAll("'", "''")}'`

/** Hold a word of ours, a digest or a number of another kind, never anything that somebody wrote. */
const WORDS = new Set([
  "shop.city",
  "shop.time_zone",
  "user.role",
  "user.password_hash",
  "order.status",
  "team_invitation.role",
  "team_invitation.status",
  "service_credential.permissions",
  "inbox.source",
  "inbox.state",
  "outbox.state",
  "bitrix_product.blurred",
  "sync_conflict.field",
  "sync_conflict.chosen",
  "product.type",
  "image.thumbnails",
  "product.origin",
  "audit.actor_kind",
  "audit.actor_id",
  "audit.action",
  "audit.address",
  "audit.request_id",
  "audit.operation",
  "audit.record_type",
])

/** Columns that could hold words of a shop but hold no mark of it, so that nobody would see them told. */
export const findUnmarked = async (witness: postgres.Sql, shop: number): Promise<ReadonlyArray<string>> => {
  const columns = await witness<Array<{ table: string; column: string; shopColumn: string }>>`
    SELECT c.relname AS table, a.attname AS column, CASE c.relname WHEN 'shop' THEN 'id' ELSE 'shop_id' END AS "shopColumn"
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
      AND a.atttypid = ANY ('{text,varchar,text[],varchar[],jsonb}'::regtype[])
      AND EXISTS (
        SELECT
        FROM pg_attribute s
        WHERE s.attrelid = c.oid AND s.attname = CASE c.relname WHEN 'shop' THEN 'id' ELSE 'shop_id' END
      )
    ORDER BY 1, a.attnum`
  const unmarked: Array<string> = []
  for (const { table, column, shopColumn } of columns) {
    const [marked] = await witness`
      SELECT
      FROM ${witness(table)}
      WHERE ${witness(shopColumn)} = ${shop} AND ${witness(column)}::text LIKE ${`%${shop}%`}
      LIMIT 1`
    if (marked === undefined) unmarked.push(`${table}.${column}`)
  }
  return unmarked.filter((column) => !WORDS.has(column))
}
