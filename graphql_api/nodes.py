"""What every node of the schema has in common: a global id over its natural key, and a way to be found by it."""

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from strawberry import relay

from graphql_api.context import Info


class KeyedNode(relay.Node):
    """A node found by the text of its natural key."""

    @classmethod
    async def by_key(cls, info: Info, key: str) -> relay.Node | None:
        """The node with this key; None where there is none."""
        raise NotImplementedError

    @classmethod
    def resolve_nodes(cls, *, info: Info, node_ids: Iterable[str], required: bool = False) -> Any:
        """The nodes with these keys, looked up together."""
        del required
        return asyncio.gather(*(cls.by_key(info, node_id) for node_id in node_ids))


def node_key(*parts: object) -> str:
    """One text for a key of several parts."""
    return "/".join(quote(str(part), safe="") for part in parts)


def key_parts(key: str, count: int) -> list[str] | None:
    """The `count` parts `node_key` was given; None when the text has another number of parts."""
    parts = [unquote(part) for part in key.split("/")]
    return parts if len(parts) == count else None
