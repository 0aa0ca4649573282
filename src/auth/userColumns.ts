import { sql } from "../platform/Query.ts"

/** The columns of `User`, wherever accounts are read. */
export const userColumns = (alias: string) =>
  sql.literal(
    [
      "id",
      "name",
      "phone",
      "role",
      "is_active",
      "is_superadmin",
      "invited_by",
      "shop_id",
      "created_at",
      "updated_at",
    ]
      .map((column) => `${alias}.${column}`)
      .join(", "),
  )
