"""The part of a node's global id after its type: the natural key, with separators escaped."""

from urllib.parse import quote, unquote


def node_key(*parts: object) -> str:
    """One text for a key of several parts."""
    return "/".join(quote(str(part), safe="") for part in parts)


def key_parts(key: str, count: int) -> list[str] | None:
    """The `count` parts `node_key` was given; None when the text has another number of parts."""
    parts = [unquote(part) for part in key.split("/")]
    return parts if len(parts) == count else None
