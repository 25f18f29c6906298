"""`aforo edge`: the cameras of this machine."""

import click

from aforo.commands.edge_selftest import selftest
from aforo.commands.shared import with_settings
from aforo.settings import ConfigurationError, Settings


@click.group(invoke_without_command=True)
@click.pass_context
def edge(context: click.Context) -> None:
    """Watch the cameras of this machine and write their logs."""
    if context.invoked_subcommand is None:
        _run()


@with_settings
def _run(settings: Settings) -> None:
    from aforo.processes import edge as process_edge  # noqa: PLC0415 - no command loads another's libraries
    from detectors.errors import DetectorError  # noqa: PLC0415 - as above
    from producers.configuration import CameraConfigurationError  # noqa: PLC0415 - as above
    from producers.edge import CamerasFailedError  # noqa: PLC0415 - as above
    from producers.spool import SpoolInUseError  # noqa: PLC0415 - as above

    if not settings.edge.cameras and not settings.edge.remote:
        raise ConfigurationError(
            "no cameras: add them to aforo.yaml, for example\n\n"
            "edge:\n  cameras:\n    - {id: door, source: 'rtsp://user:password@192.0.2.10/stream1'}\n\n"
            "or configure them by the API and set `edge: {remote: true}`"
        )
    try:
        process_edge.run(settings)
    except (CameraConfigurationError, CamerasFailedError, DetectorError, SpoolInUseError) as error:
        raise click.ClickException(str(error)) from error


edge.add_command(selftest)
