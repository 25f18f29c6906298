"""`aforo access`: who may use the API."""

import click

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings


@click.group()
def access() -> None:
    """Who may use the API."""


@access.command()
@click.option("--email", required=True, help="Address of the administrator.")
@with_settings
def bootstrap(settings: Settings, email: str) -> None:
    """Invite the first administrator, or, later, whoever has this address and lost the password.

    Prints an invitation that is good for a day and for one use. Needs the database, not the API.
    """
    from aforo import access as users  # noqa: PLC0415 - no command loads another's libraries
    from graphql_api.errors import ApiError  # noqa: PLC0415 - the same

    try:
        invitation = users.bootstrap(settings, email)
    except (users.NoSuchUserError, ApiError) as error:
        raise click.ClickException(str(error)) from error
    console.print(f"an invitation for {email}, good for a day and for one use:\n\n  {invitation}\n")
    console.print("choose a password of 12 or more characters with it:\n")
    console.print(
        '  curl -H \'X-Aforo-Csrf: 1\' --json \'{"invitation": "…", "password": "…"}\' '
        f"http://{settings.api.host}:{settings.api.port}/api/v1/invitations/accepted",
        soft_wrap=True,
    )
