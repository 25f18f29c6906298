"""What the sender of a mutation can mend, with the path of the input it concerns."""

import re
from urllib.parse import urlsplit

import msgspec

from graphql_api.commands import Answer, CommandIdReused
from graphql_api.described import output
from schemas import events
from schemas.events import Command, CommandRefused, ConfigureCamera


@output
class UserError:
    """Something the sender can mend; `field` is the path of the input it concerns.

    Codes: REVISION_CONFLICT, COMMAND_ID_REUSED, INVALID or the fault's own code, TIMEOUT, and reasons of refusal such as UNSIGNED; of sites
    SITE_EXISTS, BAD_TIME_ZONE and OVERLAPPING_SHIFTS; of replay runs INVALID_STATE.
    """

    code: str
    message: str
    field: list[str] | None = None


def malformed(wanted: Command) -> list[UserError]:
    """What the command's record itself cannot hold, such as an empty id or a negative time."""
    empty = [name for name in ("camera_id", "command_id") if not getattr(wanted, name)]
    faults = [UserError(code="INVALID", message=f"`{name}` must not be empty.", field=_path(name)) for name in empty]
    try:
        msgspec.convert(msgspec.to_builtins(wanted), type(wanted))
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        faults.append(UserError(code="INVALID", message=message, field=_path(path.rstrip("`"))))
    return faults


def exposed(wanted: ConfigureCamera) -> list[UserError]:
    """A password on its way into the log, where many may read it; the fold would refuse it too late."""
    if not urlsplit(wanted.source).netloc.count("@"):
        return []
    message = "Leave user and password out of the address; the edge keeps them under the name given in `credentials`."
    return [UserError(code="CREDENTIALS_IN_SOURCE", message=message, field=_path("source"))]


def user_errors(answer: Answer | CommandIdReused | None) -> list[UserError]:
    """What the sender can mend, from the camera's answer; none when it accepted."""
    match answer:
        case None:
            message = "The camera did not answer in time; it may still. Send the same commandId again to learn more."
            return [UserError(code="TIMEOUT", message=message)]
        case CommandIdReused():
            return [command_id_reused()]
        case CommandRefused():
            return _refusal(answer)
        case events.RecordRefused():
            return [
                UserError(code=answer.reason, message=f"The command was not taken: {answer.detail or answer.reason}.")
            ]
        case _:
            return []


def _refusal(answer: CommandRefused) -> list[UserError]:
    if answer.reason == "REVISION_CONFLICT":
        message = f"Revision {answer.revision} is in force. Read it, apply your change to it and try again."
        return [UserError(code="REVISION_CONFLICT", message=message, field=["ifRevision"])]
    if not answer.faults:
        return [UserError(code=answer.reason, message="The camera refused the command.")]
    return [UserError(code=fault.code, message=fault.message, field=_path(fault.path)) for fault in answer.faults]


def command_id_reused() -> UserError:
    """The sender used one id for two different things; only the first was carried out, or refused."""
    message = (
        "This commandId was sent before with other content, and this was not carried out. Give it an id of its own."
    )
    return UserError(code="COMMAND_ID_REUSED", message=message, field=["commandId"])


def _path(path: str) -> list[str]:
    """`zones[1].min_stay_ms` as the path of the input: input, zones, 1, minStayMs."""
    steps = [_camel(step) for step in re.findall(r"[^.\[\]]+", path)]
    return ["commandId"] if steps == ["commandId"] else ["input", *steps]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
