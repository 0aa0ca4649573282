/** The rules of ARCHITECTURE.md that a reader may rely on, checked against every file. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const root = normalize(join(import.meta.dirname, ".."))
const read = (path: string) => readFileSync(join(root, path), "utf8")

const files = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name))

/** `src/orders/Orders.ts` -> the files of ours that it imports. */
const importsOf = (file: string): ReadonlyArray<string> =>
  [...read(file).matchAll(/(?:from|import) "(\.[^"]+)"/g)].map(([, path = ""]) =>
    relative(root, join(root, dirname(file), path)),
  )

const folderOf = (file: string) => /^src\/([^/]+)\//.exec(file)?.[1]

const sources = files("src")

/** Which folders a folder may import from besides itself. A domain stands on the domains to its left. */
const DOMAINS = ["auth", "team", "shops", "products", "images", "warehouse", "orders"] as const
const LEAVES = ["audit", "delivery", "clients", "chats", "content", "search"] as const
const allowed: Readonly<Record<string, ReadonlyArray<string>>> = {
  shared: [],
  platform: ["shared"],
  ...Object.fromEntries(
    DOMAINS.map((name, index) => [name, ["shared", "platform", ...DOMAINS.slice(0, index)]]),
  ),
  ...Object.fromEntries(LEAVES.map((name) => [name, ["shared", "platform", ...DOMAINS]])),
  bitrix: ["shared", "platform", ...DOMAINS, ...LEAVES],
  demo: ["shared", "platform", "auth"],
  superadmin: ["shared", "platform", ...DOMAINS, ...LEAVES],
  system: ["shared", "platform", "auth"],
  cli: ["shared", "platform", ...DOMAINS, ...LEAVES, "bitrix", "demo", "superadmin", "system"],
}

describe("architecture", () => {
  it("has a place in the graph for every folder, and no import against its direction", () => {
    const offences = sources.flatMap((file) => {
      const folder = folderOf(file)
      if (folder === undefined) return []
      const mayImport = allowed[folder]
      if (mayImport === undefined) return [`${folder}/ has no place in the graph`]
      return importsOf(file)
        .filter((target) => target !== "src/Api.ts" || !file.endsWith("Http.ts"))
        .filter((target) => folderOf(target) !== folder && !mayImport.includes(folderOf(target) ?? target))
        .map((target) => `${file} imports ${target}`)
    })
    assert.deepStrictEqual(offences, [])
  })

  it("keeps SQL in repositories, the platform and migrations", () => {
    const offences = sources.filter(
      (file) =>
        /\bsql(\.\w+)?`/.test(read(file)) && !file.endsWith("Repo.ts") && folderOf(file) !== "platform",
    )
    assert.deepStrictEqual(offences, [])
  })

  it("lets nobody use the repository of another folder", () => {
    const offences = sources.flatMap((file) =>
      importsOf(file)
        .filter((target) => target.endsWith("Repo.ts") && folderOf(target) !== folderOf(file))
        .filter(() => folderOf(file) !== "cli")
        .map((target) => `${file} imports ${target}`),
    )
    assert.deepStrictEqual(offences, [])
  })

  it("names the tenant in one place", () => {
    const offences = sources.filter(
      (file) => read(file).includes("set_config(") && file !== "src/platform/Entrance.ts",
    )
    assert.deepStrictEqual(offences, [])
  })

  it("keys every service by its file", () => {
    const offences = sources.flatMap((file) =>
      [...read(file).matchAll(/"cvety\/([\w/]+)"/g)]
        .map(([, key]) => key)
        .filter((key) => key !== undefined && !keysAllowedIn(file).includes(key))
        .map((key) => `${file} has the key cvety/${key}`),
    )
    assert.deepStrictEqual(offences, [])
  })

  it("numbers migrations without a gap and lets none import the program", () => {
    const migrations = files("migrations").toSorted()
    migrations.forEach((file, index) => {
      assert.match(file, new RegExp(`^migrations/${String(index + 1).padStart(4, "0")}_\\w+\\.ts$`))
      assert.deepStrictEqual(importsOf(file), [])
    })
  })

  it("lists every setting in .env.example, and none that nobody reads", () => {
    const listed = new Set(
      [...read(".env.example").matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name),
    )
    const readByCode = new Set(sources.flatMap((file) => settingsIn(read(file))))
    assert.deepStrictEqual([...listed].toSorted(), [...readByCode].toSorted())
  })

  it("documents every folder of src in ARCHITECTURE.md", () => {
    const text = read("ARCHITECTURE.md")
    const missing = [...new Set(sources.map(folderOf))].filter(
      (folder) => folder !== undefined && !text.includes(`\`${folder}/\``),
    )
    assert.deepStrictEqual(missing, [])
  })
})

// A file may hold small services beside its main one, such as CurrentUser in Authentication.ts.
const keysAllowedIn = (file: string): ReadonlyArray<string> => {
  const folder = folderOf(file)
  return [...read(file).matchAll(/(?:class|const) (\w+)/g)].map(([, name]) => `${folder}/${name}`)
}

const settingsIn = (text: string): ReadonlyArray<string> => {
  const named = [...text.matchAll(/Config\.[\s\S]{0,120}?"([A-Z][A-Z0-9_]{2,})"/g)].map(
    ([, name]) => name ?? "",
  )
  const otel = [...text.matchAll(/"(OTEL_[A-Z_]+)"/g)].map(([, name]) => name ?? "")
  const secrets = [...text.matchAll(/Secret\.pair\("([A-Z_]+)"\)/g)].flatMap(([, name]) => [
    `${name}`,
    `${name}_PREVIOUS`,
  ])
  return [...named, ...otel, ...secrets]
}
