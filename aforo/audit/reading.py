"""Reads topics of a broker from their beginning to a given end. It must not know what the records say."""

from collections.abc import Iterator, Mapping

from schemas.settings import KafkaSettings
from stream_processors.runtime.messages import Message
from stream_processors.runtime.reading import Place, Reader


def records(kafka: KafkaSettings, ends: Mapping[Place, int]) -> Iterator[Message]:
    """Every record below the given ends, partition by partition in order.

    Raises:
        ConnectionError: a partition could not be read to its end.
    """
    with Reader(kafka, "aforo-audit") as reader:
        for place, end in sorted(ends.items()):
            begin, _ = reader.bounds(*place)
            yield from reader.read({place: (begin, end)})
