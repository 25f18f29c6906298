"""What a document selects of the field that is being resolved, so that what nobody asked for need not be computed."""

from collections.abc import Iterable

from strawberry.types.nodes import SelectedField, Selection

from graphql_api.context import Info


def selects(info: Info, name: str) -> bool:
    """Whether a field of this name is selected, directly or through a fragment."""
    return any(_holds(field.selections, name) for field in info.selected_fields)


def _holds(selections: Iterable[Selection], name: str) -> bool:
    return any(
        each.name == name if isinstance(each, SelectedField) else _holds(each.selections, name) for each in selections
    )
