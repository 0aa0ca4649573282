/** Everything that is measured side by side, and how its process is started. */
import { fileURLToPath } from "node:url"
import type { Job } from "./generator.ts"

export interface Peer {
  readonly label: string
  /** What starts as the process under test; `database` peers share the generator, which takes a server's place. */
  readonly file: string
  readonly kind: "ours" | "server" | "database"
  readonly form: Job["form"]
  /** Settings beyond those that every process gets. */
  readonly settings: (sinkUrl: string) => Readonly<Record<string, string>>
}

const file = (url: URL) => fileURLToPath(url)
const none = () => ({})
const ours = {
  file: file(new URL("../src/main.ts", import.meta.url)),
  kind: "ours",
  form: "one statement",
} as const
const generator = { file: file(new URL("./database.ts", import.meta.url)), kind: "database" } as const

export const peers = {
  off: { ...ours, label: "cvety, tracing off", settings: none },
  default: {
    ...ours,
    label: "cvety, default share",
    settings: (sinkUrl) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: sinkUrl }),
  },
  every: {
    ...ours,
    label: "cvety, every span",
    settings: (sinkUrl) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: sinkUrl, OTEL_TRACES_SAMPLER: "always_on" }),
  },
  fastify: {
    label: "A: Fastify + postgres, ordinary",
    file: file(new URL("./peers/fastify.ts", import.meta.url)),
    kind: "server",
    form: "ordinary",
    settings: none,
  },
  bare: {
    label: "B: node:http + postgres, one statement",
    file: file(new URL("./peers/bare.ts", import.meta.url)),
    kind: "server",
    form: "one statement",
    settings: none,
  },
  "database-ordinary": { ...generator, label: "database alone, ordinary", form: "ordinary", settings: none },
  "database-one": {
    ...generator,
    label: "database alone, one statement",
    form: "one statement",
    settings: none,
  },
} as const satisfies Record<string, Peer>

export type PeerName = keyof typeof peers
export const peerNames = Object.keys(peers) as ReadonlyArray<PeerName>
