import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestService } from "../support/TestService.ts"
import { idsOf, world } from "./ProductWorld.ts"

const q = encodeURIComponent

layer(TestService.layer, { excludeTestServices: true })("the list of goods", (it) => {
  it.effect("shows what is for sale of the shop, with images in their order", () =>
    Effect.gen(function* () {
      const { insert, look, shopId, witness } = yield* world
      const id = yield* insert({ name: "Пионы", more: { type: "gifts", origin: "here" } })
      yield* insert({ enabled: false })
      yield* insert({ isDeleted: true })
      yield* Effect.promise(
        () => witness`
          INSERT INTO product_image (id, shop_id, product_id, url, "order", is_primary, created_at)
          VALUES (90001, ${shopId}, ${id}, 'https://images.example/2.webp', 2, true, '2026-03-01T04:00:00.5Z'),
                 (90002, ${shopId}, ${id}, '/images/1.webp', 1, false, '2026-03-01T04:00:00Z')`,
      )
      for (const query of ["", "&enabled_only=true", "&enabled_only=false"]) {
        const { status, body } = yield* look(`/?shop_id=${shopId}${query}`)
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(idsOf(body), [id])
        assert.deepInclude(body[0], { name: "Пионы", price: 1_500_000, type: "gifts", bitrix_sync: null })
        assert.notProperty(body[0], "shop_id")
        assert.deepStrictEqual(body[0].images, [
          {
            id: 90002,
            product_id: id,
            url: "/images/1.webp",
            order: 1,
            is_primary: false,
            created_at: "2026-03-01T04:00:00.000",
          },
          {
            id: 90001,
            product_id: id,
            url: "https://images.example/2.webp",
            order: 2,
            is_primary: true,
            created_at: "2026-03-01T04:00:00.500",
          },
        ])
      }
    }),
  )

  it.effect("is paged without a product twice or left out, also of goods made at the same moment", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const created_at = new Date("2026-03-01T04:00:00Z")
      const ids: Array<number> = []
      for (let n = 0; n < 5; n += 1) ids.push(yield* insert({ more: { created_at } }))
      const pages = yield* Effect.forEach([0, 2, 4, 6], (skip) =>
        look(`?shop_id=${shopId}&skip=${skip}&limit=2`),
      )
      assert.deepStrictEqual(
        pages.flatMap(({ body }) => idsOf(body)),
        ids.toReversed(),
      )
    }),
  )

  it.effect("is chosen from by kind and price, both ends included", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const cheap = yield* insert({ more: { price: 100 } })
      const middle = yield* insert({ more: { price: 200, type: "sweets" } })
      const dear = yield* insert({ more: { price: 300 } })
      const find = (query: string) =>
        Effect.map(look(`/?shop_id=${shopId}&${query}`), ({ body }) => idsOf(body))
      assert.deepStrictEqual(yield* find("type=sweets"), [middle])
      assert.deepStrictEqual(yield* find("min_price=200"), [dear, middle])
      assert.deepStrictEqual(yield* find("max_price=200"), [middle, cheap])
      assert.deepStrictEqual(yield* find("min_price=200&max_price=200&type=flowers"), [])
    }),
  )

  it.effect("is of all shops that are not blocked when none is named", () =>
    Effect.gen(function* () {
      const one = yield* world
      const other = yield* world
      const mine = yield* one.insert()
      const theirs = yield* other.insert()
      assert.includeMembers(idsOf((yield* one.look("/")).body), [mine, theirs])
      yield* other.block
      const { body } = yield* one.look("/")
      assert.include(idsOf(body), mine)
      assert.notInclude(idsOf(body), theirs)
      assert.deepStrictEqual((yield* one.look(`/?shop_id=${other.shopId}`)).body, [])
    }),
  )

  it.effect("refuses what is out of bounds", () =>
    Effect.gen(function* () {
      const { look } = yield* world
      for (const query of [
        "limit=0",
        "limit=101",
        "skip=-1",
        "skip=100001",
        "shop_id=0",
        "shop_id=-1",
        "type=plants",
        "min_price=cheap",
        `search=${"x".repeat(101)}`,
      ]) {
        assert.strictEqual((yield* look(`/?${query}`)).status, 422, query)
      }
    }),
  )
})

layer(TestService.layer, { excludeTestServices: true })("a search", (it) => {
  it.effect("finds every form of a word, in the name and in the description", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const roses = yield* insert({ name: "Букет роз" })
      const basket = yield* insert({ name: "Корзина", more: { description: "Жёлтые розы и хризантемы" } })
      yield* insert({ name: "Пионы" })
      const find = (words: string) =>
        Effect.map(look(`/?shop_id=${shopId}&search=${q(words)}`), ({ body }) => idsOf(body))
      assert.deepStrictEqual(yield* find("розы"), [basket, roses])
      assert.deepStrictEqual(yield* find("РОЗА"), [basket, roses])
      assert.deepStrictEqual(yield* find("желтая хризантема"), [basket])
      assert.deepStrictEqual(yield* find("розы -хризантемы"), [roses])
      assert.deepStrictEqual(yield* find(`"букет роз"`), [roses])
    }),
  )

  it.effect("forgives a wrong letter when nothing has the right ones", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const peonies = yield* insert({ name: "Пионы" })
      const bouquet = yield* insert({ name: "Букет пионов" })
      yield* insert({ name: "Букет роз" })
      const find = (words: string, page = "") =>
        Effect.map(look(`/?shop_id=${shopId}&search=${q(words)}${page}`), ({ body }) => idsOf(body))
      assert.deepStrictEqual(yield* find("пеоны"), [bouquet, peonies])
      assert.deepStrictEqual(yield* find("букет пеонов"), [bouquet])
      assert.deepStrictEqual(yield* find("пеоны", "&skip=1&limit=1"), [peonies])
      assert.deepStrictEqual(yield* find("розы пеоны"), [])
      const likewise = yield* insert({ name: "Пеоны" })
      assert.deepStrictEqual(yield* find("пеоны"), [likewise])
      assert.deepStrictEqual(yield* find("пеоны", "&skip=1"), [])
    }),
  )

  it.effect("finds a piece of a name, and takes signs as they are", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const percent = yield* insert({ name: "Скидка 50%" })
      yield* insert({ name: "Скидка 500" })
      const find = (words: string) =>
        Effect.map(look(`/?shop_id=${shopId}&search=${q(words)}`), ({ body }) => idsOf(body))
      assert.lengthOf(yield* find("кид"), 2)
      assert.deepStrictEqual(yield* find("50%"), [percent])
      assert.deepStrictEqual(yield* find("%%"), [])
      assert.deepStrictEqual(yield* find("_____"), [])
      assert.deepStrictEqual(yield* find("и"), yield* find("И"))
      for (const words of ["\u0000", `"`, "-", "!(&|", "\\", "' OR 1=1 --"]) {
        assert.strictEqual((yield* look(`/?search=${q(words)}`)).status, 200, words)
      }
    }),
  )

  it.effect("without words in it finds everything", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const id = yield* insert()
      assert.deepStrictEqual(idsOf((yield* look(`/?shop_id=${shopId}&search=`)).body), [id])
      assert.deepStrictEqual(idsOf((yield* look(`/?shop_id=${shopId}&search=%20`)).body), [id])
    }),
  )

  it.effect("of all shops finds the same", () =>
    Effect.gen(function* () {
      const { insert, look } = yield* world
      const id = yield* insert({ name: "Эремурусы" })
      for (const words of ["эремурус", "эремурас", "ремурус"]) {
        assert.deepStrictEqual(idsOf((yield* look(`/?search=${q(words)}`)).body), [id], words)
      }
    }),
  )

  it.effect("suggests names, those that begin so first, each once", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      yield* insert({ name: "Букет роз" })
      yield* insert({ name: "Розы" })
      yield* insert({ name: "Розы" })
      yield* insert({ name: "Розы тайные", enabled: false })
      const suggest = (query: string) =>
        Effect.map(look(`/search/suggestions?shop_id=${shopId}&${query}`), ({ body }) => body.suggestions)
      assert.deepStrictEqual(yield* suggest(`q=${q("роз")}`), ["Розы", "Букет роз"])
      assert.deepStrictEqual(yield* suggest(`q=${q("розы")}&limit=1`), ["Розы"])
      assert.deepStrictEqual(yield* suggest(`q=${q("разы")}`), ["Розы", "Букет роз"])
      assert.deepStrictEqual(yield* suggest(`q=${q("тюльпаны")}`), [])
      assert.include((yield* look(`/search/suggestions?q=${q("роз")}`)).body.suggestions, "Розы")
      for (const query of ["", "?q=", "?q=x&limit=0", "?q=x&limit=11"]) {
        assert.strictEqual((yield* look(`/search/suggestions${query}`)).status, 422, query)
      }
    }),
  )
})

layer(TestService.layer, { excludeTestServices: true })("the storefront", (it) => {
  it.effect("shows what shops recommend", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const first = yield* insert({ more: { is_featured: true } })
      yield* insert()
      yield* insert({ enabled: false, more: { is_featured: true } })
      const second = yield* insert({ more: { is_featured: true } })
      const featured = yield* look(`/public/featured?shop_id=${shopId}`)
      assert.strictEqual(featured.status, 200)
      assert.deepStrictEqual(idsOf(featured.body), [second, first])
      assert.deepStrictEqual(idsOf((yield* look(`/public/featured?shop_id=${shopId}&limit=1`)).body), [
        second,
      ])
      assert.includeMembers(idsOf((yield* look("/public/featured")).body), [first, second])
      assert.strictEqual((yield* look("/public/featured?limit=0")).status, 422)
    }),
  )

  it.effect("counts what sold by quantity, without orders that are cancelled or old", () =>
    Effect.gen(function* () {
      const { insert, look, sell, shopId } = yield* world
      const unsold = yield* insert()
      const few = yield* insert()
      const many = yield* insert()
      const cancelled = yield* insert()
      const former = yield* insert()
      const hidden = yield* insert({ enabled: false })
      yield* sell({ [few]: 1, [many]: 5, [hidden]: 50 })
      yield* sell({ [few]: 1 })
      yield* sell({ [few]: 1 })
      yield* sell({ [cancelled]: 9 }, { isCancelled: true })
      yield* sell({ [former]: 9 }, { daysAgo: 91 })
      const { status, body } = yield* look(`/public/bestsellers?shop_id=${shopId}`)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(idsOf(body), [many, few, former, cancelled, unsold])
      assert.deepStrictEqual(idsOf((yield* look(`/public/bestsellers?shop_id=${shopId}&limit=3`)).body), [
        many,
        few,
        former,
      ])
      const home = yield* look(`/home?shop_id=${shopId}`)
      assert.deepStrictEqual(idsOf(home.body.bestsellers), [many, few])
      assert.includeMembers(idsOf((yield* look("/public/bestsellers?limit=100")).body), [many, few])
    }),
  )

  it.effect("opens with goods of a city and with all of the tags, whatever their case", () =>
    Effect.gen(function* () {
      const { insert, look, sell, shopId } = yield* world
      const rose = yield* insert({
        more: { is_featured: true, tags: ["Roses", "VIP"], cities: ["Almaty", "Astana"] },
      })
      const roses = yield* insert({ more: { is_featured: true, tags: ["roses"], cities: ["Almaty"] } })
      yield* insert({ enabled: false, more: { is_featured: true, tags: ["тайна"] } })
      yield* sell({ [rose]: 1 })
      const home = (query: string) => Effect.map(look(`/home?shop_id=${shopId}${query}`), ({ body }) => body)
      const all = yield* home("")
      assert.deepStrictEqual(Object.keys(all).toSorted(), ["available_tags", "bestsellers", "featured"])
      assert.deepStrictEqual(idsOf(all.featured), [roses, rose])
      assert.deepStrictEqual(idsOf(all.bestsellers), [rose])
      assert.sameMembers(all.available_tags, ["Roses", "VIP", "roses"])
      assert.deepStrictEqual(idsOf((yield* home("&tags=ROSES,%20vip,")).featured), [rose])
      assert.deepStrictEqual(idsOf((yield* home("&tags=rose")).featured), [])
      assert.deepStrictEqual(idsOf((yield* home("&city=astana")).featured), [rose])
      assert.deepStrictEqual(idsOf((yield* home("&city=Asta")).featured), [])
      assert.strictEqual((yield* look("/home?city=Almaty&tags=vip")).status, 200)
    }),
  )

  it.effect("tells what goods can be chosen by", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      const filters = Effect.map(look(`/filters?shop_id=${shopId}`), ({ body }) => body)
      const types = ["flowers", "sweets", "fruits", "gifts", "vitrina", "catalog"]
      assert.deepStrictEqual(yield* filters, {
        tags: [],
        cities: [],
        price_range: { min: 0, max: 0, min_tenge: 0, max_tenge: 0 },
        product_types: types,
      })
      yield* insert({ more: { price: 12_345, tags: ["б", "а"], cities: ["Almaty"] } })
      yield* insert({ more: { price: 99_999, tags: ["а"] } })
      yield* insert({ enabled: false, more: { price: 1, tags: ["тайна"] } })
      assert.deepStrictEqual(yield* filters, {
        tags: ["а", "б"],
        cities: ["Almaty"],
        price_range: { min: 12_345, max: 99_999, min_tenge: 123, max_tenge: 999 },
        product_types: types,
      })
      assert.strictEqual((yield* look("/filters")).status, 200)
    }),
  )

  it.effect("counts goods of every kind, and none that is not for sale", () =>
    Effect.gen(function* () {
      const { insert, look, shopId } = yield* world
      yield* insert({ more: { type: "vitrina" } })
      yield* insert({ more: { type: "catalog" } })
      yield* insert({ more: { type: "catalog" } })
      yield* insert({ enabled: false })
      assert.deepStrictEqual((yield* look(`/stats/summary?shop_id=${shopId}`)).body, {
        total_products: 3,
        enabled_products: 3,
        disabled_products: 0,
        by_type: { flowers: 0, sweets: 0, fruits: 0, gifts: 0, vitrina: 1, catalog: 2 },
      })
      assert.strictEqual((yield* look("/stats/summary")).status, 200)
    }),
  )
})
