"""Shares subscriptions: clients who ask the same and may see the same get one execution, whose answers are encoded once.

A client begins with an execution of its own, which answers what only it needs: errors, what it missed, a first state. Once that
stands at a point the cohort still has in memory, the client takes the cohort's answers from there on. An EVENT stream gives it
all of them, or ends when it reads too slowly; a STATE stream gives it the newest.
"""

import asyncio
import copy
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, VariableNode, get_operation_ast
from strawberry.types import ExecutionResult

from graphql_api.context import Context
from graphql_api.event_stream import Joined, Sharing
from graphql_api.limits.operation import parsed
from graphql_api.metrics import COHORTS
from graphql_api.schema import Schema
from graphql_api.wakeup import Wakeup

_SHARED = frozenset({"zoneVisits", "cameraEvents", "liveTracks"})
_KEPT = 1_000
_READ_AT_ONCE = 100

log = structlog.get_logger()


class TooSlowError(Exception):
    """The reader fell behind what the cohort keeps; it may resume after its last cursor."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asked for, as it came."""

    query: str
    variables: dict[str, Any] | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The one root field of a subscription that can be shared, and the variable that holds its cursor."""

    field: str
    cursor_variable: str | None


def plan_of(operation: Operation) -> Plan | None:
    """How to share an operation; None where that cannot be."""
    try:
        found = get_operation_ast(parsed(operation.query), operation.name)
    except GraphQLError:
        return None
    if found is None or found.operation is not OperationType.SUBSCRIPTION:
        return None
    return _plan(found)


@lru_cache(256)
def _plan(found: OperationDefinitionNode) -> Plan | None:
    match list(found.selection_set.selections):
        case [FieldNode() as root] if root.name.value in _SHARED:
            cursors = [each.value for each in root.arguments or () if each.name.value == "after"]
            variables = [value.name.value for value in cursors if isinstance(value, VariableNode)]
            return Plan(root.name.value, next(iter(variables), None))
    return None


class Cohort:
    """One execution's newest answers, each with the point it stands for; the execution begins behind `begin`."""

    def __init__(self, begin: object) -> None:
        self._is_event_stream = isinstance(begin, Joined)
        self._answers: deque[tuple[object, str]] = deque(maxlen=_KEPT if self._is_event_stream else 1)
        self._floor = begin
        self._count = 0
        self._ended = False
        self._wakeup = Wakeup()

    def add(self, answer: str, reached: object) -> None:
        """Keep an answer, at the cost of the oldest."""
        if len(self._answers) == self._answers.maxlen:
            self._floor = self._answers[0][0]
        self._answers.append((reached, answer))
        self._count += 1
        self._wakeup.notify()

    def end(self) -> None:
        """No more answers will come."""
        self._ended = True
        self._wakeup.notify()

    def serves(self, reached: object) -> bool:
        """Whether all that a client needs that stands at `reached` is here, or will come."""
        behind = isinstance(reached, Joined) and isinstance(self._floor, Joined) and reached.read < self._floor.read
        return not (self._ended or behind)

    @property
    def seen(self) -> int:
        """How many answers a client that joins now will not read here."""
        return self._count - (len(self._answers) if self._is_event_stream else 0)

    async def answers(self, reached: object, seen: int) -> AsyncIterator[str]:
        """Every answer behind `reached` after the first `seen`; of a STATE stream the newest when the reader comes.

        Raises:
            TooSlowError: they are gone, or the execution ended.
        """
        while not self._ended:
            gone = self._count - len(self._answers)
            if seen < gone and self._is_event_stream:
                break
            start = max(seen - gone, 0)
            batch = list(islice(self._answers, start, start + _READ_AT_ONCE))
            seen = gone + start + len(batch)
            for point, answer in batch:
                if _is_behind(reached, point):
                    yield answer
            if not batch:
                await self._wakeup.wait()
        raise TooSlowError


class Cohorts:
    """The cohorts of one process by what their members have in common; belongs to one event loop."""

    def __init__(self, schema: Schema, encode: Callable[[object], str]) -> None:
        self._schema = schema
        self._encode = encode
        self._running: dict[Hashable, tuple[Cohort, asyncio.Task[None]]] = {}
        self._members: Counter[Hashable] = Counter()

    async def execution(self, operation: Operation, context: Context) -> Any:
        """The results of an operation, as they come."""
        return await self._schema.stream(operation.query, operation.variables, context, operation_name=operation.name)

    def join(
        self, operation: Operation, plan: Plan, context: Context
    ) -> AbstractContextManager[AsyncIterator[str]] | None:
        """The answers behind what `context` reached, while they are wanted; None where the client must go on by itself."""
        reached = context.sharing.reached
        if reached is None:
            return None
        key = _key(operation, plan, context)
        if key not in self._running:
            self._begin(key, operation, plan, context)
        cohort, _ = self._running[key]
        if not cohort.serves(reached):
            return None
        self._members[key] += 1
        return self._membership(key, plan, cohort.answers(reached, cohort.seen))

    @contextmanager
    def _membership(self, key: Hashable, plan: Plan, answers: AsyncIterator[str]) -> Iterator[AsyncIterator[str]]:
        try:
            yield answers
        finally:
            self._members -= Counter([key])
            if key not in self._members:
                _, task = self._running.pop(key)
                task.cancel()
                COHORTS.labels(plan.field).dec()

    def _begin(self, key: Hashable, operation: Operation, plan: Plan, context: Context) -> None:
        own = copy.copy(context)
        own.sharing = Sharing(begin=context.sharing.reached)
        cohort = Cohort(own.sharing.begin)
        self._running[key] = cohort, asyncio.create_task(self._run(cohort, operation, own))
        COHORTS.labels(plan.field).inc()

    async def _run(self, cohort: Cohort, operation: Operation, context: Context) -> None:
        try:
            async with aclosing(await self.execution(operation, context)) as results:
                async for result in results:
                    if context.sharing.reached is None:
                        break  # the ring went on without this execution: its clients resume by themselves
                    cohort.add(self._encode(payload(result)), context.sharing.reached)
        except Exception:
            log.exception("a shared subscription failed; its clients are told to resume")
        finally:
            cohort.end()


def payload(result: ExecutionResult) -> dict[str, Any]:
    """A result as clients get it."""
    found: dict[str, Any] = {"data": result.data}
    if result.errors:
        found["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        found["extensions"] = result.extensions
    return found


def _is_behind(reached: object, point: object) -> bool:
    """Whether an answer at `point` is more than a client knows that stands at `reached`; it may have got there first."""
    if isinstance(reached, Joined) and isinstance(point, Joined):
        return point.read > reached.read or (point.read == reached.read and not point.by_news)
    return True


def _key(operation: Operation, plan: Plan, context: Context) -> Hashable:
    variables = {name: value for name, value in (operation.variables or {}).items() if name != plan.cursor_variable}
    return operation.query, operation.name, json.dumps(variables, sort_keys=True), context.principal.scope
