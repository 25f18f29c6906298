"""The schema registry as Aforo needs it: register a schema under its subject, read a schema by its id.

Subjects follow TopicRecordNameStrategy, since most topics carry several records. `MemoryRegistry` is the twin for tests.
"""

import weakref
from typing import Protocol

from confluent_kafka.schema_registry import ConfigCompatibilityLevel, Schema, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import HTTPError

from schemas.topics import topic_of, topics

_UNKNOWN_SCHEMA = 40403
_NOT_FOUND = 404


class RegistryUnavailableError(ConnectionError):
    """The registry did not answer; the same call may succeed later."""


class SchemaRejectedError(ValueError):
    """The registry refuses a schema as incompatible with what was released under the subject."""


class SchemaRegistry(Protocol):
    """What the wire format asks of a registry."""

    def register(self, subject: str, schema: str) -> int:
        """The id of `schema` under `subject`; the same id whenever it is the same schema."""
        ...

    def schema(self, schema_id: int) -> str | None:
        """The schema with that id; None when the registry does not know it."""
        ...


def subject_of(record: str) -> str:
    """The subject a record is registered under."""
    return f"{topic_of(record)}-aforo.{record}"


class MemoryRegistry:
    """A registry in memory: ids from 1, equal schemas share one."""

    def __init__(self) -> None:
        self._schemas: list[str] = []

    def register(self, subject: str, schema: str) -> int:  # noqa: ARG002 - ids do not depend on the subject
        """The id of `schema`."""
        if schema not in self._schemas:
            self._schemas.append(schema)
        return self._schemas.index(schema) + 1

    def schema(self, schema_id: int) -> str | None:
        """The schema with that id, or None."""
        return self._schemas[schema_id - 1] if 0 < schema_id <= len(self._schemas) else None


class HttpRegistry:
    """A registry that speaks Confluent's REST interface, such as Apicurio or Confluent's own."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Who asks decides whether to try again.
        self._client = SchemaRegistryClient({"url": url, "timeout": 10, "max.retries": 0})
        weakref.finalize(self, self._client.close)  # its connections end with it, and nobody has to remember

    def register(self, subject: str, schema: str) -> int:
        """The id of `schema` under `subject`.

        Raises:
            SchemaRejectedError: it is not compatible with what the subject holds.
            RegistryUnavailableError: no answer.
        """
        try:
            return int(self._client.register_schema(subject, Schema(schema, "AVRO")))
        except SchemaRegistryError as error:
            if error.http_status_code in {409, 422}:
                raise SchemaRejectedError(f"{subject}: {error.error_message}") from error
            raise RegistryUnavailableError(f"schema registry {self.url}: {error.error_message}") from error
        except (HTTPError, OSError) as error:
            raise RegistryUnavailableError(f"schema registry {self.url}: {error}") from error

    def schema(self, schema_id: int) -> str | None:
        """The schema with that id, or None.

        Raises:
            RegistryUnavailableError: no answer.
        """
        try:
            return str(self._client.get_schema(schema_id).schema_str)
        except SchemaRegistryError as error:
            if error.error_code == _UNKNOWN_SCHEMA or error.http_status_code == _NOT_FOUND:
                return None
            raise RegistryUnavailableError(f"schema registry {self.url}: {error.error_message}") from error
        except (HTTPError, OSError) as error:
            raise RegistryUnavailableError(f"schema registry {self.url}: {error}") from error

    def set_compatibility(self) -> None:
        """Give every subject the compatibility its topic file promises."""
        for spec in topics().values():
            for record in spec.records:
                try:
                    self._client.set_config(
                        subject_of(record), ServerConfig(compatibility=ConfigCompatibilityLevel[spec.compatibility])
                    )
                except (SchemaRegistryError, HTTPError, OSError) as error:
                    raise RegistryUnavailableError(f"schema registry {self.url}: {error}") from error
