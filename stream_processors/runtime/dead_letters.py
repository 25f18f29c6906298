"""Records nobody could take, kept byte for byte with where they stood and why."""

from schemas.topics import DEAD_LETTERS
from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.runtime import metrics
from stream_processors.runtime.messages import Message, Outgoing


def dead_letter(app: str, message: Message, reason: str, detail: str) -> Outgoing:
    """The dead letter of a record that `app` refused."""
    metrics.DEAD_LETTERS.labels(app=app, reason=reason).inc()
    named = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "reason": reason,
        "detail": detail,
        "fold_version": str(FOLD_VERSION),
    }
    headers = [(name, value.encode()) for name, value in named.items()]
    return Outgoing(DEAD_LETTERS, message.key, message.value or b"", headers)
