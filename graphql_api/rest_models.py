"""The GraphQL types as pydantic models, so that REST bodies, answers and OpenAPI say the same as the schema.

Strawberry keeps its own kind of type on its dataclasses, which pydantic cannot read; the annotations still say it plainly.
"""

from collections.abc import Callable
from dataclasses import MISSING
from datetime import datetime
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, create_model
from strawberry.types import get_object_definition, has_object_definition
from strawberry.types.field import StrawberryField

T = TypeVar("T")


@cache
def model_of(output: type) -> type[BaseModel]:
    """The model with the same fields, in snake_case, and the same descriptions as an object type; without what it resolves."""
    hints = get_type_hints(output)
    members: dict[str, Any] = {
        field.python_name: (
            _translated(hints[field.python_name], _answered),
            Field(description=field.description, serialization_alias=field.graphql_name),
        )
        for field in _fields(output)
    }
    config = ConfigDict(from_attributes=True)
    return create_model(output.__name__, __config__=config, __doc__=output.__doc__, **members)


@cache
def body_of(payload: type) -> type[BaseModel]:
    """The model of a request's body, with the fields and defaults of an input type, in snake_case."""
    hints = get_type_hints(payload)
    members: dict[str, Any] = {
        field.python_name: (_translated(hints[field.python_name], _asked), _with_default(field))
        for field in _fields(payload)
    }
    return create_model(payload.__name__, __config__=ConfigDict(extra="forbid"), __doc__=payload.__doc__, **members)


def given(payload: type[T], body: BaseModel) -> T:
    """The input that a body says; the body may say more."""
    hints = get_type_hints(payload)
    names = [field.python_name for field in _fields(payload)]
    return payload(**{name: _input(hints[name], getattr(body, name)) for name in names})


def _fields(kind: type) -> list[StrawberryField]:
    return [field for field in get_object_definition(kind, strict=True).fields if field.base_resolver is None]


def _with_default(field: StrawberryField) -> Any:
    said: dict[str, Any] = {"description": field.description, "alias": field.graphql_name}
    if field.default is not MISSING:
        said["default"] = field.default
    elif field.default_factory is not MISSING:
        said["default_factory"] = field.default_factory
    return Field(**said)


def _answered(kind: Any) -> Any:
    return model_of(kind) if has_object_definition(kind) else kind


def _asked(kind: Any) -> Any:
    if kind is datetime:
        return AwareDatetime
    return body_of(kind) if has_object_definition(kind) else kind


def _translated(hint: Any, translate: Callable[[Any], Any]) -> Any:
    """A type hint with every type in it translated."""
    origin, args = get_origin(hint), tuple(_translated(arg, translate) for arg in get_args(hint))
    if origin in {Union, UnionType}:
        return reduce(or_, args)
    return origin[args] if args else translate(hint)


def _input(hint: Any, value: Any) -> Any:
    """A value of a body as its input type has it."""
    if isinstance(value, BaseModel):
        (kind,) = (each for each in (get_args(hint) or (hint,)) if each is not NoneType)
        return given(kind, value)
    if isinstance(value, list):
        (element,) = (arg for each in (hint, *get_args(hint)) if get_origin(each) is list for arg in get_args(each))
        return [_input(element, each) for each in value]
    return value
