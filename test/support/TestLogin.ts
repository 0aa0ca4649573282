/** Requests that seem to come from an address of their own: the service under test must trust 127.0.0.1 as a proxy. */
import { call } from "./TestPeople.ts"

export const TRUSTING = { TRUSTED_PROXIES: "127.0.0.1/32" }

let lastAddress = 0

/** An address that no other request of this test file comes from. */
export const nextAddress = (): string => {
  lastAddress += 1
  return `198.18.${Math.floor(lastAddress / 250)}.${(lastAddress % 250) + 1}`
}

/** One request from an address. */
export const ask = (
  url: string,
  method: string,
  path: string,
  { from, ...options }: NonNullable<Parameters<typeof call>[3]> & { readonly from?: string } = {},
) =>
  call(url, method, path, {
    ...options,
    headers: { "x-forwarded-for": from ?? nextAddress(), ...options.headers },
  })

export const logIn = (url: string, phone: string, password: string, from?: string) =>
  ask(url, "POST", "/auth/login", { body: { phone, password }, ...(from === undefined ? {} : { from }) })
