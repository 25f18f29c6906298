"""The GraphQL object types as pydantic models, so that REST answers and OpenAPI say the same as the schema.

Strawberry keeps its own kind of type on its dataclasses, which pydantic cannot read; the annotations still say it plainly.
"""

from dataclasses import fields
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model
from strawberry.types import has_object_definition


@cache
def model_of(output: type) -> type[BaseModel]:
    """The model with the same fields, in snake_case, and the same descriptions as an object type."""
    hints = get_type_hints(output)
    members: dict[str, Any] = {
        field.name: (_plain(hints[field.name]), Field(description=getattr(field, "description", None)))
        for field in fields(output)
    }
    config = ConfigDict(from_attributes=True)
    return create_model(output.__name__, __config__=config, __doc__=output.__doc__, **members)


def _plain(hint: Any) -> Any:
    if has_object_definition(hint):
        return model_of(hint)
    origin, args = get_origin(hint), tuple(_plain(arg) for arg in get_args(hint))
    if origin in {Union, UnionType}:
        return reduce(or_, args)
    return origin[args] if args else hint
