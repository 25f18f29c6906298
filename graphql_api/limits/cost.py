"""What an operation is, measured before it runs: its depth, its aliases, and its cost in points.

One point is one object of the answer; scalars and columns are free. A page counts as many objects as it asks for, any other list
`UNPAGED`. Fields for which the database adds up many rows have `WORK` on top. Fragments are measured once, so that fragments
which spread fragments which spread fragments cost no time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from graphql_api.pagination import MAX_FIRST

UNPAGED = 5
INTROSPECTION = 100
WORK: Mapping[str, int] = {
    "Query.efficiency": 20,
    "Query.heatMap": 20,
    "Query.occupancy": 20,
    "Query.zoneMinutes": 10,
    "ReplayRun.efficiency": 40,
    "Track.path": 5,
}
_PAGES = frozenset({"edges", "nodes"})
Parent: TypeAlias = GraphQLNamedType | None


@dataclass(frozen=True, slots=True)
class Extent:
    """Of a part of a document: points, of which `work` is due whatever comes back; nested fields; aliases."""

    points: int = 0
    work: int = 0
    depth: int = 0
    aliases: int = 0

    def __add__(self, other: "Extent") -> "Extent":
        return Extent(
            self.points + other.points,
            self.work + other.work,
            max(self.depth, other.depth),
            self.aliases + other.aliases,
        )


def extent(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Extent:
    """The extent of one operation of a valid document."""
    defaults = {
        variable.variable.name.value: int(variable.default_value.value)
        for variable in operation.variable_definitions or ()
        if isinstance(variable.default_value, IntValueNode)
    }
    root = schema.get_root_type(operation.operation)
    return _Measuring(schema, document, defaults | dict(variables)).selections(operation.selection_set, root, None)


def objects(data: Any) -> int:
    """How many objects an answer holds, those within it included."""
    if isinstance(data, dict):
        return 1 + sum(objects(value) for value in data.values() if isinstance(value, dict | list))
    if isinstance(data, list):
        return sum(objects(value) for value in data if isinstance(value, dict | list))
    return 0


class _Measuring:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._measured: dict[tuple[str, int | None], Extent] = {}

    def selections(self, selected: SelectionSetNode | None, parent: Parent, page: int | None) -> Extent:
        """All that is selected of `parent`, which is a page of `page` items unless that is None."""
        each = (self._selection(selection, parent, page) for selection in (selected.selections if selected else ()))
        return sum(each, Extent())

    def _selection(self, selection: SelectionNode, parent: Parent, page: int | None) -> Extent:
        match selection:
            case FieldNode():
                return self._field(selection, parent, page)
            case InlineFragmentNode():
                condition = selection.type_condition
                inner = self._schema.type_map.get(condition.name.value) if condition else parent
                return self.selections(selection.selection_set, inner, page)
            case FragmentSpreadNode():
                return self._fragment(selection.name.value, page)
        raise TypeError(f"{type(selection).__name__} is no selection")

    def _fragment(self, name: str, page: int | None) -> Extent:
        if (name, page) not in self._measured:
            fragment = self._fragments[name]
            inner = self._schema.type_map.get(fragment.type_condition.name.value)
            self._measured[name, page] = self.selections(fragment.selection_set, inner, page)
        return self._measured[name, page]

    def _field(self, node: FieldNode, parent: Parent, page: int | None) -> Extent:
        name = node.name.value
        known: GraphQLField | None = getattr(parent, "fields", {}).get(name)
        aliases = 1 if node.alias else 0
        if known is None:  # of introspection, whose depth graphql-core limits itself
            inner = self.selections(node.selection_set, None, None)
            points = INTROSPECTION * (1 + inner.aliases) if name in {"__schema", "__type"} else 0
            return Extent(points, points, 1, aliases + inner.aliases)
        inner = self.selections(node.selection_set, get_named_type(known.type), self._asked(node, known))
        work = WORK.get(f"{parent.name}.{name}", 0) if parent else 0
        own = 1 if is_composite_type(get_named_type(known.type)) else 0
        count = self._count(name, known, page)
        return Extent(
            count * (own + inner.points) + work, count * inner.work + work, 1 + inner.depth, aliases + inner.aliases
        )

    @staticmethod
    def _count(name: str, known: GraphQLField, page: int | None) -> int:
        if not is_list_type(get_nullable_type(known.type)):
            return 1
        return page if page is not None and name in _PAGES else UNPAGED

    def _asked(self, node: FieldNode, known: GraphQLField) -> int | None:
        """How many items a page shall hold; None when the field has no pages."""
        if "first" not in known.args:
            return None
        given = next((each.value for each in node.arguments or () if each.name.value == "first"), None)
        asked: Any = known.args["first"].default_value
        if isinstance(given, IntValueNode):
            asked = int(given.value)
        elif isinstance(given, VariableNode):
            asked = self._variables.get(given.name.value, asked)
        return max(1, min(asked, MAX_FIRST)) if isinstance(asked, int) else MAX_FIRST
