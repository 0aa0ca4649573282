/** What the rules of a team refuse, in the words that the admin panel translates. */
import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"

export class RoleChangeRefused extends Schema.Error<RoleChangeRefused>("RoleChangeRefused")(
  fault("RoleChangeRefused", "Only managers and directors can change user roles"),
  { httpApiStatus: 403 },
) {}

export class DirectorsOnly extends Schema.Error<DirectorsOnly>("DirectorsOnly")(
  fault("DirectorsOnly", "Only directors can manage director roles"),
  { httpApiStatus: 403 },
) {}

export class OwnAccountProtected extends Schema.Error<OwnAccountProtected>("OwnAccountProtected")(
  fault("OwnAccountProtected", "Cannot remove yourself from the team"),
  { httpApiStatus: 400 },
) {}

export class LastDirector extends Schema.Error<LastDirector>("LastDirector")(
  fault("LastDirector", "Cannot demote the last director. At least one director must remain"),
  { httpApiStatus: 400 },
) {}

export class PhoneInUse extends Schema.Error<PhoneInUse>("PhoneInUse")(
  fault("PhoneInUse", "Phone number already in use"),
  { httpApiStatus: 400 },
) {}

export class ColleagueExists extends Schema.Error<ColleagueExists>("ColleagueExists")(
  fault("ColleagueExists", "User with this phone number already exists"),
  { httpApiStatus: 400 },
) {}

export class InvitationPending extends Schema.Error<InvitationPending>("InvitationPending")(
  fault("InvitationPending", "Invitation for this phone number is already pending"),
  { httpApiStatus: 400 },
) {}

export class InvitationNotFound extends Schema.Error<InvitationNotFound>("InvitationNotFound")(
  fault("InvitationNotFound", "Invitation not found"),
  { httpApiStatus: 404 },
) {}

export class InvitationSettled extends Schema.Error<InvitationSettled>("InvitationSettled")(
  fault("InvitationSettled", "Only pending invitations can be cancelled"),
  { httpApiStatus: 400 },
) {}

export class InvitationInvalid extends Schema.Error<InvitationInvalid>("InvitationInvalid")(
  fault("InvitationInvalid", "Invitation code is invalid or expired"),
  { httpApiStatus: 400 },
) {}
