/** What a receiver of events may be sent, right and wrong; to be posted with `webhooks.post`. */
import { gzipSync } from "node:zlib"
import { complete, listItem, type SimProduct } from "./SimProduct.ts"

const BIG_BYTES = 5 * 1_048_576

const item = (product: Partial<SimProduct> & { readonly id: number }) => listItem(complete(product), false)

/** Bodies for `/product-sync` about a product of this id. */
export const productEvents = (id: number): Readonly<Record<string, unknown>> => ({
  created: { event_type: "product.created", product_data: item({ id, sectionId: null }) },
  createdAsUpdated: { event_type: "product.updated", product_data: item({ id }) },
  deletedInt: { event_type: "product.deleted", product_data: { id } },
  deletedString: { event_type: "product.deleted", product_data: { id: String(id) } },
  deletedNested: { event_type: "product.deleted", product_data: { id: { ID: String(id) } } },
  unknownType: { event_type: "product.archived", product_data: item({ id }) },
  missingId: { event_type: "product.updated", product_data: { ...item({ id }), id: undefined } },
  extraKeys: {
    event_type: "product.updated",
    product_data: { ...item({ id }), IBLOCK_ID: 27, extra: { deep: [1] } },
    site: "s1",
  },
  dataNull: { event_type: "product.updated", product_data: null },
  dataArray: { event_type: "product.updated", product_data: [] },
})

/** How a right body may still be sent wrongly. */
export const spoiledDeliveries = (
  body: string,
  secret: string,
): Readonly<
  Record<string, { readonly body: string | Buffer; readonly headers: Readonly<Record<string, string>> }>
> => {
  const type = { "content-type": "application/json" }
  const right = { ...type, "x-webhook-secret": secret }
  return {
    wrongSecret: { body, headers: { ...type, "x-webhook-secret": `${secret}x` } },
    noSecret: { body, headers: type },
    secretInBody: { body: JSON.stringify({ ...JSON.parse(body), secret }), headers: type },
    otherLetterCase: { body, headers: { ...type, "X-WEBHOOK-SECRET": secret } },
    trailingSpace: { body, headers: { ...type, "x-webhook-secret": `${secret} ` } },
    notJson: { body: "event_type=product.updated", headers: right },
    truncated: { body: body.slice(0, -10), headers: right },
    big: { body: JSON.stringify({ ...JSON.parse(body), padding: "x".repeat(BIG_BYTES) }), headers: right },
    wrongType: { body, headers: { ...right, "content-type": "text/plain" } },
    gzip: { body: gzipSync(body), headers: { ...right, "content-encoding": "gzip" } },
  }
}
