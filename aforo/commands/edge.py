"""`aforo edge`: the cameras of this machine."""

import click

from aforo.commands.shared import with_settings
from aforo.settings import ConfigurationError, Settings


@click.command()
@with_settings
def edge(settings: Settings) -> None:
    """Watch the cameras of this machine and write their logs."""
    from aforo.processes import edge as process_edge  # noqa: PLC0415 - no command loads another's libraries

    if not settings.edge.cameras:
        raise ConfigurationError(
            "no cameras: add them to aforo.yaml, for example\n\n"
            "edge:\n  cameras:\n    - {id: door, source: 'rtsp://user:password@192.0.2.10/stream1'}\n"
        )
    process_edge.run(settings)
