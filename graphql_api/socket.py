"""graphql-transport-ws with shared subscriptions: what one execution answers is sent to all clients of its cohort.

Slow readers hold up nobody: what they were not sent yet is the cohort's to keep, and when it no longer does, the socket is
closed with 4008 and the client resumes after its last cursor. It reaches into Strawberry's handler, whose behaviour the tests
of the protocol hold. https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import copy
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing
from typing import Any, cast

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws import handlers
from strawberry.types.execution import PreExecutionError

from graphql_api import cohorts
from graphql_api.cohorts import Cohorts, Plan, TooSlowError, plan_of
from graphql_api.context import Context
from graphql_api.event_stream import Sharing
from graphql_api.metrics import SUBSCRIPTIONS

TOO_SLOW = 4008
_ENDED = (WebSocketDisconnected, WebSocketDisconnect, handlers._OperationStreamClosed)  # noqa: SLF001 - how the base class ends one


class SharingHandler(handlers.BaseGraphQLTransportWSHandler[Context, None]):
    """One socket; `view.cohorts` are those of the process."""

    async def run_operation(self, operation: handlers.Operation[Context, None]) -> None:
        """Answer an operation until it is complete."""
        asked = cohorts.Operation(operation.query, operation.variables, operation.operation_name)
        plan = plan_of(asked)
        if plan is None:
            await super().run_operation(operation)
            return
        with SUBSCRIPTIONS.labels("websocket").track_inprogress():
            try:
                await self._follow(operation, asked, plan)
            except TooSlowError:
                await self._close_slow()
            except _ENDED:
                return

    async def _follow(self, operation: handlers.Operation[Context, None], asked: cohorts.Operation, plan: Plan) -> None:
        head = f'{{"id":{json.dumps(operation.id)},"type":"next","payload":'
        with ExitStack() as membership:
            answers = await self._begin(operation, asked, plan, membership)
            if answers is not None:
                async for answer in answers:
                    await self._send(f"{head}{answer}}}")

    async def _begin(
        self,
        operation: handlers.Operation[Context, None],
        asked: cohorts.Operation,
        plan: Plan,
        membership: ExitStack,
    ) -> AsyncIterator[str] | None:
        """Answer what only this client needs, until it can go on in a cohort; None: there is nothing more to answer."""
        context = copy.copy(self.context)
        context.sharing = Sharing()
        shared: Cohorts = cast("Any", self.view).cohorts
        async with aclosing(await shared.execution(asked, context)) as results:
            async for result in results:
                if isinstance(result, PreExecutionError):
                    await self._handle_pre_execution_error(operation, result)
                    return None
                await operation.send_next(result)
                joined = None if result.errors else shared.join(asked, plan, context)
                if joined:
                    return membership.enter_context(joined)
        await operation.send_operation_message({"id": operation.id, "type": "complete"})
        return None

    async def _send(self, text: str) -> None:
        if self._socket.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        await self._socket.send_text(text)

    async def _close_slow(self) -> None:
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            await self.websocket.close(TOO_SLOW, "Too slow: subscribe again after the last cursor")

    @property
    def _socket(self) -> WebSocket:
        socket: WebSocket = cast("Any", self.websocket).ws
        return socket
