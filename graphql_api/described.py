"""Strawberry's decorators with one habit added: what a docstring says about a type or field, the schema says too."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import strawberry

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def output(cls: type[T]) -> type[T]:
    """An object type described by its docstring."""
    return strawberry.type(cls, description=inspect.getdoc(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def payload(cls: type[T]) -> type[T]:
    """An input type described by its docstring."""
    return strawberry.input(cls, description=inspect.getdoc(cls))


def resolved(resolver: Callable[..., Any]) -> Any:
    """A field described by its resolver's docstring."""
    return strawberry.field(resolver=resolver, description=inspect.getdoc(resolver))


def command(resolver: Callable[..., Any]) -> Any:
    """A mutation described by its resolver's docstring."""
    return strawberry.mutation(resolver=resolver, description=inspect.getdoc(resolver))


def stream(resolver: Callable[..., Any]) -> Any:
    """A subscription described by its resolver's docstring."""
    return strawberry.subscription(resolver=resolver, description=inspect.getdoc(resolver))
