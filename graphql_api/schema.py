"""The GraphQL schema: the subjects put together, and what becomes of errors."""

from collections.abc import Iterable, Iterator
from functools import cache
from time import perf_counter
from typing import Any

import strawberry
import structlog
from graphql import GraphQLError
from strawberry import relay
from strawberry.extensions import MaskErrors, SchemaExtension
from strawberry.relay import GlobalIDValueError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType

from graphql_api.access.fields import guard
from graphql_api.camera_event_stream import CameraEventSubscription
from graphql_api.cameras import CameraQuery
from graphql_api.configuration import ConfigurationMutation
from graphql_api.efficiency import EfficiencyQueries
from graphql_api.errors import ApiError
from graphql_api.heat_map import HeatMapQuery
from graphql_api.limits.operation import Limits
from graphql_api.live_tracks import LiveTracksSubscription
from graphql_api.metrics import OPERATION_ERRORS, OPERATION_SECONDS
from graphql_api.minutes import ZoneMinuteQuery
from graphql_api.occupancy import OccupancyQuery
from graphql_api.positions import MinPosition
from graphql_api.replay_requests import ReplayMutation
from graphql_api.replay_runs import ReplayRunQuery
from graphql_api.scalars import SCALARS
from graphql_api.site_changes import SiteMutation
from graphql_api.sites import SiteQuery
from graphql_api.tracks import TrackQuery
from graphql_api.user_changes import AccessMutation
from graphql_api.users import AccessQuery
from graphql_api.visit_stream import ZoneVisitSubscription
from graphql_api.visits import ZoneVisitQuery
from graphql_api.zones import ZoneQuery

log = structlog.get_logger()


@strawberry.type(description="What can be read.")
class Query(
    SiteQuery,
    CameraQuery,
    ZoneQuery,
    TrackQuery,
    ZoneVisitQuery,
    ZoneMinuteQuery,
    EfficiencyQueries,
    OccupancyQuery,
    HeatMapQuery,
    ReplayRunQuery,
    AccessQuery,
):
    """What can be read."""

    node: relay.Node | None = relay.node(description="The object with this global id.")


@strawberry.type(
    description="What can be changed: cameras, by commands to their logs, sites, by versions of their own, what holds of "
    "history, by replay runs, and who may do what."
)
class Mutation(ConfigurationMutation, SiteMutation, ReplayMutation, AccessMutation):
    """What can be changed."""


@strawberry.type(description="What can be followed. EVENT streams miss nothing; STATE streams give the newest.")
class Subscription(LiveTracksSubscription, ZoneVisitSubscription, CameraEventSubscription):
    """What can be followed."""


def is_bug(error: GraphQLError) -> bool:
    """Whether the error came out of our code without being one that callers may know."""
    cause = error.original_error
    return cause is not None and not isinstance(cause, ApiError | GlobalIDValueError | GraphQLError)


class MaskBugs(MaskErrors):
    """Shows callers the errors of the API and of their documents, and of bugs only that there was one."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=is_bug, error_message="Something went wrong on our side; it is in the log.")

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """The error without what it says, with the code INTERNAL."""
        masked = super().anonymise_error(error)
        masked.extensions = {"code": "INTERNAL"}
        return masked


class Timed(SchemaExtension):
    """Measures how long each operation takes."""

    def on_operation(self) -> Iterator[None]:
        """From the document's arrival to the answer's last part."""
        began = perf_counter()
        yield
        operation = self.execution_context.graphql_document and self.execution_context.operation_type
        OPERATION_SECONDS.labels(operation.value.lower() if operation else "refused").observe(perf_counter() - began)


class Schema(strawberry.Schema):
    """A schema that logs bugs, and only those, and runs subscriptions as streams only."""

    async def execute(  # noqa: PLR0917 - Strawberry's own signature
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """The answer to a query or mutation; a subscription where no stream was asked for is an invalid operation."""
        allowed = set(allowed_operation_types or OperationType) - {OperationType.SUBSCRIPTION}
        return await super().execute(
            query, variable_values, context_value, root_value, operation_name, allowed, operation_extensions
        )

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Count every error by its code; log those that are bugs."""
        del execution_context
        for error in errors:
            code = (error.extensions or {}).get("code", "INTERNAL" if is_bug(error) else "INVALID_DOCUMENT")
            OPERATION_ERRORS.labels(code).inc()
            if is_bug(error):
                log.error("a resolver failed", path=error.path, exc_info=error.original_error)


@cache
def api_schema() -> Schema:
    """The schema of the API; one for the process, since Strawberry's `node` field serves a single schema."""
    extensions: list[Any] = [MaskBugs, Timed, Limits, MinPosition]
    made = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=extensions,
        config=StrawberryConfig(scalar_map=SCALARS),  # sort_schema copies the types, and unions no longer know theirs
    )
    guard(made._schema)  # noqa: SLF001 - Strawberry's extensions reach it so, too
    return made
