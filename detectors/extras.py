"""Optional libraries: imported when a model asks for them, and never before."""

import importlib
from typing import Any

from detectors.errors import BackendUnavailableError


def imported(module: str, *, extra: str, instead: str) -> Any:
    """The module of an optional extra.

    Raises:
        BackendUnavailableError: it is not installed; names the extra and the way without it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BackendUnavailableError(
            f"{module} cannot be imported ({error}); install aforo[{extra}] (docs/detectors.md), or use {instead}"
        ) from error
