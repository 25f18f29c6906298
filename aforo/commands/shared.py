"""What all commands share: the console, the settings in force, and one clear message for what is wrong."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click
from rich.console import Console

from aforo import logs
from aforo.settings import ConfigurationError, Settings, load
from infra.local.errors import LocalStackError
from schemas.signing import KeyFileError

P = ParamSpec("P")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
console = Console(highlight=False)


def with_settings(command: Callable[Concatenate[Settings, P], None]) -> Callable[P, None]:
    """Give a command the settings in force; faults in them and in the local stack end it with one clear message."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            settings = load()
            logs.configure(settings.log)
            command(settings, *args, **kwargs)
        except (ConfigurationError, KeyFileError, LocalStackError) as error:
            raise click.ClickException(str(error)) from error

    return run
