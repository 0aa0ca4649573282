/** The only SQL on keys of machines. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Permission } from "./Permission.ts"
import { ServiceCredential, ServiceCredentialId } from "./ServiceCredential.ts"
import type { ServiceKey } from "./ServiceKey.ts"
import type { UserId } from "./User.ts"

export class ServiceCredentialsRepo extends Context.Service<
  ServiceCredentialsRepo,
  {
    /** Nobody when the key is wrong or revoked, or its shop blocked. */
    readonly findByKey: (key: ServiceKey) => Query<ReadonlyArray<typeof Machine.Type>>
    readonly noteUse: (shopId: ShopId, id: ServiceCredentialId) => Query<void>
    /** Those that are live, then revoked ones; each newest first. */
    readonly findAll: (shopId: ShopId) => Query<ReadonlyArray<ServiceCredential>>
    /** Nobody when both places of the name are taken. Of two who take one at the same moment the second tries again. */
    readonly insert: (
      shopId: ShopId,
      credential: {
        readonly name: string
        readonly permissions: ReadonlyArray<Permission>
        readonly secretHash: Uint8Array
        readonly createdBy: UserId | null
      },
    ) => Query<ReadonlyArray<ServiceCredential>>
    readonly revoke: (shopId: ShopId, id: ServiceCredentialId) => Query<ReadonlyArray<ServiceCredential>>
  }
>()("cvety/auth/ServiceCredentialsRepo") {
  static readonly layer = Layer.succeed(ServiceCredentialsRepo, {
    findByKey: ({ shopId, credentialId, secretHash }) =>
      rows(
        Machine,
        sql`
          SELECT c.id, c.permissions::text[] AS permissions,
                 coalesce(c.last_used_at < now() - ${USE_NOTED_EVERY}::interval, true) AS is_use_to_be_noted
          FROM service_credential c
          JOIN shop s ON s.id = c.shop_id
          WHERE c.shop_id = ${shopId} AND c.id = ${credentialId} AND c.secret_hash = ${secretHash}
            AND c.revoked_at IS NULL AND s.is_active`,
      ),
    noteUse: (shopId, id) =>
      command(sql`
        UPDATE service_credential
        SET last_used_at = now()
        WHERE shop_id = ${shopId} AND id = ${id}`),
    findAll: (shopId) =>
      rows(
        ServiceCredential,
        sql`
          SELECT ${columns}
          FROM service_credential
          WHERE shop_id = ${shopId}
          ORDER BY revoked_at IS NOT NULL, id DESC
          LIMIT ${CREDENTIALS_MAX}`,
      ),
    insert: (shopId, { name, permissions, secretHash, createdBy }) =>
      rows(
        ServiceCredential,
        sql`
          INSERT INTO service_credential (shop_id, name, slot, permissions, secret_hash, created_by)
          SELECT ${shopId}, ${name}, slot, ${permissions}::text[], ${secretHash}, ${createdBy}
          FROM generate_series(1, 2) AS slot
          WHERE NOT EXISTS (
            SELECT
            FROM service_credential c
            WHERE c.shop_id = ${shopId} AND c.name = ${name} AND c.slot = slot.slot AND c.revoked_at IS NULL
          )
          ORDER BY slot
          LIMIT 1
          RETURNING ${columns}`,
      ),
    revoke: (shopId, id) =>
      rows(
        ServiceCredential,
        sql`
          UPDATE service_credential
          SET revoked_at = now()
          WHERE shop_id = ${shopId} AND id = ${id} AND revoked_at IS NULL
          RETURNING ${columns}`,
      ),
  })
}

const CREDENTIALS_MAX = 200
const USE_NOTED_EVERY = "1 minute"

const columns = sql.literal(
  "id, name, permissions::text[] AS permissions, created_by, created_at, last_used_at, revoked_at",
)

// Permissions are read as text: one that a later version no longer knows must not stop the machine.
const Machine = Schema.Struct({
  id: ServiceCredentialId,
  permissions: Schema.Array(Schema.String),
  is_use_to_be_noted: Schema.Boolean,
})
