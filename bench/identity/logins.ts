/** Logins that never stop: each of the phones logs in again as soon as it was answered. */
import * as argon2 from "@node-rs/argon2"
import * as bcrypt from "@node-rs/bcrypt"
import type postgres from "postgres"

export const LOGINS = 20
const PASSWORD = "a password of the bench"
const BCRYPT_COST = 12

const phoneOf = (index: number) => `+7700100${String(index + 1).padStart(4, "0")}`

/** Every second account has a hash of the old service again: its next login verifies that and makes a new one. */
export const givePasswords = async (sql: postgres.Sql): Promise<void> => {
  const current = await argon2.hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  const old = await bcrypt.hash(PASSWORD, { cost: BCRYPT_COST })
  for (let index = 0; index < LOGINS; index++) {
    await sql`
      UPDATE "user" SET password_hash = ${index % 2 === 0 ? current : old} WHERE phone = ${phoneOf(index)}`
  }
}

/** How many were answered, all of them with 200. */
export const logInFor = async (url: string, seconds: number): Promise<number> => {
  let count = 0
  const endMs = performance.now() + seconds * 1e3
  const loop = async (index: number) => {
    while (performance.now() < endMs) {
      const response = await fetch(`${url}/api/v1/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ phone: phoneOf(index), password: PASSWORD }),
      })
      await response.text()
      if (response.status !== 200) throw new Error(`void: a login answered ${response.status}`)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: LOGINS }, (_, index) => loop(index)))
  return count
}
