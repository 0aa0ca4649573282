/** The colours that goods are sold by. A product keeps their names, in Russian, as people see them. */
import * as Schema from "effect/Schema"

export const Color = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  hex: Schema.String.annotate({ description: "A colour or a gradient, as CSS has them" }),
  description: Schema.String,
  border: Schema.optionalKey(Schema.Literal(true)),
})
type Color = typeof Color.Type

export const colors: ReadonlyArray<Color> = [
  { id: "red", name: "Красный", hex: "#FF4444", description: "Розы, тюльпаны, гвоздики" },
  { id: "pink", name: "Розовый", hex: "#FFB6C1", description: "Пионы, розы, эустома" },
  { id: "white", name: "Белый", hex: "#FFFFFF", description: "Розы, лилии, хризантемы", border: true },
  {
    id: "mixed",
    name: "Микс",
    hex: "linear-gradient(90deg, #FF4444 0%, #FFB6C1 50%, #FFD700 100%)",
    description: "Букеты из разных цветов",
  },
  { id: "purple", name: "Фиолетовый", hex: "#9B59B6", description: "Ирисы, лаванда, эустома" },
  { id: "cream", name: "Кремовый", hex: "#F5E6D3", description: "Розы, эустома, ранункулюсы", border: true },
  { id: "yellow", name: "Желтый", hex: "#FFD700", description: "Подсолнухи, тюльпаны, хризантемы" },
  { id: "blue", name: "Синий", hex: "#4A90E2", description: "Гортензии, ирисы, дельфиниум" },
]

/** Names that are no colour of ours are left out; null for a product without colours. */
export const findColors = (names: ReadonlyArray<string> | null): ReadonlyArray<Color> | null =>
  names === null || names.length === 0 ? null : colors.filter(({ name }) => names.includes(name))
