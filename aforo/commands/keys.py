"""`aforo keys`: the key that signs commands to cameras."""

import click

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings


@click.group()
def keys() -> None:
    """The key that signs commands to cameras."""


@keys.command()
@with_settings
def rotate(settings: Settings) -> None:
    """Sign with a new key from the next start of the API and of the stream processors on.

    The public keys of old ones stay trusted for what they signed; take one out of the folder of trusted keys when it must
    not be trusted any longer.
    """
    from aforo.processes import keys as signing  # noqa: PLC0415 - no command loads another's libraries

    made = signing.rotated(settings)
    console.print(
        f"new signing key {made.key_id}; restart the API and the stream processors, which sign with the old one"
    )
