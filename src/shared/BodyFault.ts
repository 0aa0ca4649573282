/** What can be wrong with a JSON request body before anyone looks at its fields. */
import * as Schema from "effect/Schema"
import { fault } from "./Fault.ts"
import { ValidationFailed } from "./ValidationFailed.ts"

export const BODY_BYTES_MAX = 65_536

export class BodyTooLarge extends Schema.Error<BodyTooLarge>("BodyTooLarge")(
  fault("BodyTooLarge", `Request body is larger than ${BODY_BYTES_MAX} bytes`),
  { httpApiStatus: 413 },
) {}

export class BodyMalformed extends Schema.Error<BodyMalformed>("BodyMalformed")(
  fault("BodyMalformed", "Request body could not be read"),
  { httpApiStatus: 400 },
) {}

export class MediaTypeUnsupported extends Schema.Error<MediaTypeUnsupported>("MediaTypeUnsupported")(
  fault("MediaTypeUnsupported", "Request body must be JSON in UTF-8"),
  { httpApiStatus: 415 },
) {}

/** What an endpoint declares that reads a JSON body. */
export const bodyFaults = [BodyTooLarge, BodyMalformed, MediaTypeUnsupported, ValidationFailed] as const
