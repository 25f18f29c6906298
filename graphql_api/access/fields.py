"""Puts the guard before every field of the schema through which something is asked for, and before what `node` shows.

It works on the built schema, so a field cannot be forgotten: one that the guard does not list is refused.
"""

from collections.abc import Mapping
from inspect import isawaitable
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema

from graphql_api.access.guard import FIELDS, NAMES, judge
from graphql_api.access.rules import Action, allowed
from graphql_api.errors import ForbiddenError, NotFoundError

NODES: dict[str, tuple[Action, str]] = {
    "Site": (Action.READ, "site_id"),
    "Camera": (Action.READ, "camera_id"),
    "Zone": (Action.READ, "camera_id"),
    "Track": (Action.READ_PERSONS, "camera_id"),
    "ZoneVisit": (Action.READ_PERSONS, "camera_id"),
    "ReplayRun": (Action.REPLAY, "run_id"),
}
_ARGUMENT = {"site_id": "siteId", "camera_id": "cameraId", "run_id": "runId"}
# These are found by what others name, so what they show is judged.
SHOWN = frozenset({"Query.node", "Restatement.run"})


def guard(schema: GraphQLSchema) -> None:
    """Put the guard into a schema that was just built."""
    roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                if kind in roots or field.args.keys() & NAMES:
                    _put_before(
                        field, f"{kind.name}.{name}", FIELDS.get(f"{kind.name}.{name}", Action.READ), kind in roots
                    )
                if f"{kind.name}.{name}" in SHOWN:
                    _put_behind(field, f"{kind.name}.{name}")


def _put_before(field: GraphQLField, name: str, action: Action | None, is_root: bool) -> None:
    if field.subscribe is not None:
        field.subscribe = _guarded(field.subscribe, name, action, is_root)
    elif field.resolve is not None:
        field.resolve = _guarded(field.resolve, name, action, is_root)


def _guarded(resolve: Any, name: str, action: Action | None, is_root: bool) -> Any:
    async def resolved(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        if is_root and name not in FIELDS:
            raise ForbiddenError(f"{name} is not open to anybody yet.")
        context = info.context
        # a field of something that was shown narrows it, and may name nothing
        if is_root or _names(arguments):
            await judge(context.services.database, context.principal, name, action, arguments)
        answer = resolve(source, info, **arguments)
        found = await answer if isawaitable(answer) else answer
        if name == "Query.sites":
            return [site for site in found if allowed(context.principal, Action.READ, site.site_id)]
        return found

    return resolved


def _names(arguments: Mapping[str, Any]) -> bool:
    return any(arguments.get(name) is not None for name in NAMES)


def _put_behind(field: GraphQLField, name: str) -> None:
    resolve = field.resolve
    assert resolve is not None, "Strawberry gives every field a resolver"

    async def shown(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        answer = resolve(source, info, **arguments)
        found = await answer if isawaitable(answer) else answer
        if found is None:
            return None
        action, key = NODES[type(found).__name__]
        context = info.context
        try:
            named = {_ARGUMENT[key]: getattr(found, key)}
            await judge(context.services.database, context.principal, name, action, named)
        except (NotFoundError, ForbiddenError):
            return None  # what is not theirs is not there
        return found

    field.resolve = shown
