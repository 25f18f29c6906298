"""Holds GraphQL operations to their limits before they run, and tells in `extensions.cost` what they cost.

Documents are parsed and validated once and remembered. What is wrong is said through `pre_execution_errors`, the one way that
works over HTTP and over WebSocket alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
    validate,
)
from strawberry.extensions import SchemaExtension

from graphql_api.limits.caller import caller_of
from graphql_api.limits.cost import Extent, extent, objects

MAX_TOKENS = 2_000
MAX_DEPTH = 12
MAX_ALIASES = 30
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of documents: its code, and what to say of a document beyond it."""

    code: str
    said: str


TOO_DEEP = Limit("QUERY_TOO_DEEP", "The query is {} fields deep; {} are allowed. Ask in several queries.")
TOO_MANY_ALIASES = Limit("TOO_MANY_ALIASES", "The query has {} aliases; {} are allowed. Ask in several queries.")
TOO_COSTLY = Limit(
    "QUERY_TOO_COSTLY", "The query may cost {} points; {} are allowed. Ask for smaller pages or fewer fields."
)


@lru_cache(_REMEMBERED)
def parsed(text: str) -> DocumentNode:
    """The document in a text.

    Raises:
        GraphQLError: it is none, or has more than `MAX_TOKENS` tokens.
    """
    return parse(text, max_tokens=MAX_TOKENS)


@lru_cache(_REMEMBERED)
def faults(schema: GraphQLSchema, text: str) -> tuple[GraphQLError, ...]:
    """What keeps a document from being run."""
    return tuple(validate(schema, parsed(text)))


class Limits(SchemaExtension):
    """One operation's way through its limits."""

    def __init__(self) -> None:
        super().__init__()
        self._operation: OperationDefinitionNode | None = None
        self._extent: Extent | None = None
        self._actual: int | None = None

    def on_operation(self) -> Iterator[None]:
        """A text that is no document is parsed again by Strawberry, which reports it; within the same bounds."""
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        yield

    def on_parse(self) -> Iterator[None]:
        """Take the document from memory."""
        context = self.execution_context
        try:
            context.graphql_document = parsed(context.query or "")
        except GraphQLError:
            context.graphql_document = None
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuse what is not valid, beyond a limit, or more than the caller has left."""
        context = self.execution_context
        found = list(faults(context.schema._schema, context.query or ""))  # noqa: SLF001 - Strawberry's extensions read it so
        context.pre_execution_errors = found or list(self._beyond())
        yield

    def on_execute(self) -> Iterator[None]:
        """Give back what was asked for and did not come."""
        yield
        result, caller = self.execution_context.result, self._caller
        if result is not None and self._extent:
            self._actual = self._extent.work + max(0, objects(result.data) - 1)
            self._services.budgets.give_back(caller, self._extent.points - self._actual)

    def get_results(self) -> dict[str, Any]:
        """The cost, as the answer's extension; a stream's events carry none."""
        if self._extent is None or self._operation is None or self._operation.operation is OperationType.SUBSCRIPTION:
            return {}
        budgets = self._services.budgets
        status = {
            "maximumAvailable": budgets.rate.capacity,
            "currentlyAvailable": int(budgets.left(self._caller)),
            "restoreRate": budgets.rate.restored_per_s,
        }
        cost = {"requestedQueryCost": self._extent.points, "actualQueryCost": self._actual, "throttleStatus": status}
        return {"cost": cost}

    def _beyond(self) -> Iterator[GraphQLError]:
        context = self.execution_context
        document = context.graphql_document
        assert document is not None
        given = context._provided_operation_name  # noqa: SLF001 - `operation_name` is the first of several when none is given
        self._operation = get_operation_ast(document, given)
        if self._operation is None:
            yield GraphQLError("Name the operation to run.", extensions={"code": "BAD_INPUT"})
            return
        schema = context.schema._schema  # noqa: SLF001 - the same
        self._extent = found = extent(schema, document, self._operation, context.variables or {})
        limits = ((found.depth, MAX_DEPTH, TOO_DEEP), (found.aliases, MAX_ALIASES, TOO_MANY_ALIASES),
                  (found.points, self._services.settings.max_query_cost, TOO_COSTLY))  # fmt: skip
        beyond = [_refusal(limit, value, most) for value, most, limit in limits if value > most]
        yield from beyond or self._throttled(found.points)

    def _throttled(self, points: int) -> Iterator[GraphQLError]:
        if wait_s := self._services.budgets.spend(self._caller, points):
            message = f"Too much was asked for in a short time. Try again in {ceil(wait_s)} s."
            yield GraphQLError(message, extensions={"code": "THROTTLED", "retryAfterMs": ceil(1000 * wait_s)})

    @property
    def _services(self) -> Any:
        return self.execution_context.context.services

    @property
    def _caller(self) -> str:
        context = self.execution_context.context
        return caller_of(context.principal, context.request)


def _refusal(limit: Limit, value: int, most: int) -> GraphQLError:
    return GraphQLError(limit.said.format(value, most), extensions={"code": limit.code})
