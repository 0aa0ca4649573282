/** Keys of machines, on the command line. */
import { userInfo } from "node:os"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Permission } from "../auth/Permission.ts"
import { grantable } from "../auth/Permission.ts"
import type { ServiceCredential } from "../auth/ServiceCredential.ts"
import { ServiceCredentialId, ServiceCredentialName } from "../auth/ServiceCredential.ts"
import { ServiceCredentials } from "../auth/ServiceCredentials.ts"
import { Caller } from "../platform/Caller.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { ShopId } from "../shared/ShopId.ts"
import { VERSION } from "../system/SystemApi.ts"
import { run } from "./run.ts"

const shop = Flag.Int("shop").pipe(Flag.withDescription("Id of the shop"), Flag.withSchema(ShopId))

const issue = Command.make(
  "issue",
  {
    shop,
    name: Flag.String("name").pipe(
      Flag.withDescription("What the machine is called"),
      Flag.withSchema(ServiceCredentialName),
    ),
    permissions: Flag.Literals("permission", grantable as ReadonlyArray<Permission> & [Permission]).pipe(
      Flag.withDescription("What it may do; repeat for more"),
      Flag.atLeast(1),
    ),
  },
  Effect.fn(function* ({ shop, name, permissions }) {
    const credentials = yield* ServiceCredentials
    const { credential, key } = yield* inShop(shop, credentials.issue({ name, permissions, createdBy: null }))
    yield* Console.log(`${line(credential)}\n${key}\nThe key is shown now and never again.`)
  }),
).pipe(Command.withDescription("Make a key"))

const list = Command.make(
  "list",
  { shop },
  Effect.fn(function* ({ shop }) {
    const credentials = yield* ServiceCredentials
    const found = yield* inShop(shop, credentials.list)
    yield* Effect.forEach(found, (credential) => Console.log(line(credential)), { discard: true })
    yield* Console.log(`${found.length} key(s)`)
  }),
).pipe(Command.withDescription("List keys, live ones first"))

const revoke = Command.make(
  "revoke",
  {
    shop,
    id: Flag.Int("id").pipe(Flag.withDescription("Number of the key"), Flag.withSchema(ServiceCredentialId)),
  },
  Effect.fn(function* ({ shop, id }) {
    const credentials = yield* ServiceCredentials
    yield* Console.log(line(yield* inShop(shop, credentials.revoke(id))))
  }),
).pipe(Command.withDescription("Revoke a key; its next request is refused"))

const inShop = <A, E>(shopId: ShopId, work: Effect.Effect<A, E, TenantContext>) =>
  work.pipe(
    Effect.provideService(TenantContext, { shopId }),
    Effect.provideService(Caller, {
      kind: "cli",
      id: userInfo().username,
      action: "credentials",
      address: null,
      request_id: null,
    }),
  )

const line = ({ id, name, permissions, last_used_at, revoked_at }: ServiceCredential): string =>
  [
    id,
    name,
    permissions.join(" "),
    last_used_at === null ? "never used" : `used ${last_used_at.toISOString()}`,
    revoked_at === null ? "live" : `revoked ${revoked_at.toISOString()}`,
  ].join("  ")

const credentials = Command.make("credentials").pipe(
  Command.withDescription("Keys for bots and other machines"),
  Command.withSubcommands([issue, list, revoke]),
)

run(Command.run(credentials, { version: VERSION }).pipe(Effect.provide(ServiceCredentials.layer)))
