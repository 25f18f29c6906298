"""`aforo access`: an invitation for the first administrator, or for whoever has lost the password."""

from contextlib import closing

from aforo.settings import Settings, database_url
from graphql_api.access.secrets import digest, new_id, new_token
from graphql_api.database import Database
from graphql_api.sql.access_changes import Entry, first_administrator, invite_again

_ACTOR = "command line"


class NoSuchUserError(LookupError):
    """Nobody has this address, and the first administrator was made before."""


def bootstrap(settings: Settings, email: str) -> str:
    """A one-time invitation for the administrator with this address: the first one, or one who is there already.

    Raises:
        NoSuchUserError: there are users, and nobody has the address.
        ApiError: the database is away or not migrated.
    """
    token = new_token()
    with closing(Database(database_url(settings), settings.api)) as database:
        if database.now(first_administrator, email, new_id(), digest(token), None):
            return token
        entry = Entry(actor=_ACTOR, action="access.invite_again", subject="")
        if database.now(invite_again, entry, email, digest(token)) is None:
            raise NoSuchUserError(f"nobody has the address {email}; an administrator can invite them")
    return token
