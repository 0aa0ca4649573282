/** What the matrix has to know of an operation to call it: one place for each operation of the contract. */
import type { Caller, Shops } from "../support/IsolationCallers.ts"

export interface Place {
  /** Status of an answer to whoever may ask. */
  readonly success: number
  /** Whether keys of machines are looked at. */
  readonly isForMachines?: true
  /** What the operation is asked about, if it names a record. */
  readonly record?: Record
  /** Status for a record that does not exist; 404 unless told otherwise. */
  readonly unknown?: number
  /** The answer repeats the id that was asked for. */
  readonly echoes?: true
  /** The session is over after a success. */
  readonly endsSession?: true
  /** Counted by address, so that the matrix has to forget what was counted. */
  readonly isLimited?: true
  /** An event about nothing known is kept by the shop that it was sent to. */
  readonly keepsUnknown?: true
  /** For public operations: the fields in which anybody may read something of a shop, such as `items.name`. */
  readonly publishes?: ReadonlyArray<string>
  /** A public list names every shop. */
  readonly isDirectory?: true
  readonly call: (on: Asked) => Call
}

export interface Record {
  /** Place of a record that every shop has; the shop itself; or the statements that make a record of its own. */
  readonly of: number | "shop" | "blocked shop" | ((shop: number, place: number) => string)
}

export interface Asked {
  /** The record, as it stands in a path. */
  readonly id: string
  readonly caller: Caller
  /** Whose record it is, or would be. */
  readonly shop: number
  readonly shops: Shops
  /** A number that no other case has, below 1000 and at least 100. */
  readonly turn: number
}

export interface Call {
  readonly query?: { readonly [name: string]: string }
  readonly body?: unknown
  readonly form?: { readonly [name: string]: string }
  /** A body that is neither JSON nor a form. */
  readonly content?: { readonly text: string; readonly type: string }
  readonly headers?: { readonly [name: string]: string }
}

/** By method and path. */
export type Places = Readonly<{ [operation: string]: Place }>
