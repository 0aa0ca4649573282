import { type Exchange, json, success } from "./Exchange.ts"
import { fileParts } from "./Multipart.ts"
import type { Route } from "./Router.ts"
import type { World } from "./World.ts"

export const uploadRoutes = (world: World): ReadonlyArray<Route> => [
  {
    path: /^\/uploads\/images$/,
    methods: {
      POST: (exchange) =>
        uploaded(exchange, "images[]", (files) => ({
          urls: files.map(({ fileName }) => world.newFile(extensionOf(fileName, "jpg"))),
        })),
    },
  },
  {
    path: /^\/uploads\/videos$/,
    methods: {
      POST: (exchange) =>
        uploaded(exchange, "video", ([file]) => ({
          url: world.newFile(extensionOf(file?.fileName ?? "", "mp4")),
        })),
    },
  },
]

const uploaded = (
  exchange: Exchange,
  name: string,
  stored: (files: ReturnType<typeof fileParts>) => object,
) => {
  const files = fileParts(exchange, name)
  return files.length === 0
    ? json(400, { success: false, error: { message: `Expected multipart/form-data with the part ${name}` } })
    : success(stored(files))
}

const extensionOf = (fileName: string, otherwise: string): string =>
  /\.([a-z0-9]{1,5})$/i.exec(fileName)?.[1] ?? otherwise
