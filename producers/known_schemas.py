"""Schema ids kept on the edge's own disk, so that it can start and record while the registry is away."""

from pathlib import Path

import msgspec
import structlog

from producers.files import replace_file
from schemas.registry import RegistryUnavailableError, SchemaRegistry

logger = structlog.get_logger(__name__)


class Known(msgspec.Struct, frozen=True):
    """A schema that was registered, and its id."""

    schema: str
    id: int


class RememberingRegistry:
    """A registry that answers from memory while the real one is away.

    What it says goes before what is remembered: an id belongs to one registry.

    Args:
        registry: the real one.
        path: where ids are kept.
    """

    def __init__(self, registry: SchemaRegistry, path: Path) -> None:
        self._registry = registry
        self._path = path
        self._known = self._read()
        self._away = False

    def register(self, subject: str, schema: str) -> int:
        """See `SchemaRegistry`; a registry that was away once is not asked again by this process for what is known.

        Raises:
            RegistryUnavailableError: it is away and never gave an id for this schema.
        """
        known = self._known.get(subject)
        if known is None or known.schema != schema:
            return self._ask(subject, schema)
        if not self._away:
            try:
                return self._ask(subject, schema)
            except RegistryUnavailableError as error:
                self._away = True
                logger.warning("the schema registry is away; ids of the last start are used", error=str(error))
        return known.id

    def schema(self, schema_id: int) -> str | None:
        """See `SchemaRegistry`."""
        return self._registry.schema(schema_id)

    def _ask(self, subject: str, schema: str) -> int:
        answer = Known(schema, self._registry.register(subject, schema))
        if self._known.get(subject) != answer:
            self._known[subject] = answer
            self._keep()
        return answer.id

    def _keep(self) -> None:
        try:
            replace_file(self._path, msgspec.json.encode(self._known))
        except OSError as error:
            logger.warning("schema ids cannot be kept", file=str(self._path), error=error.strerror)

    def _read(self) -> dict[str, Known]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Known])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            logger.warning("kept schema ids cannot be read", file=str(self._path), error=str(error))
            return {}
