"""Makes Faust apps with the settings that lost nothing in our tests, and none of the idioms that did.

`confluent://` delivers nothing, exactly-once leaves outputs outside the transaction, automatic acks skip failing events:
see docs/decisions/0003-checkpointed-batch-agent.md. Every app made here stops at the first error and is started again.
"""

import asyncio
import os
import tempfile
import threading
from pathlib import Path

import faust
import mode
import structlog
import uvloop
from aiokafka.helpers import create_ssl_context
from faust.auth import SASLCredentials
from mode.utils.queues import FlowControlEvent

from schemas.settings import KafkaSettings
from schemas.topics import DERIVED_RECORD_BYTES
from stream_processors.runtime.exits import STOP_WITHIN_S, UNFINISHED

SESSION_TIMEOUT_S = 6.0

log = structlog.get_logger()


class KeepingFlowControl(FlowControlEvent):  # type: ignore[misc] # mode has no types
    """Flow control that throws nothing away when flow is resumed a second time.

    After recovering tables Faust 0.15.3 resumes partitions, lets the fetcher fill the queues while it seeks, and resumes
    the flow that is already active; mode's `resume` empties the queues then, and those records never come again.
    """

    def resume(self) -> None:
        """Let producers into the queues; empties them only when flow was really suspended."""
        if not self.is_active():
            super().resume()


def make_app(name: str, kafka: KafkaSettings, *, instance: str = "") -> faust.App:
    """A Faust app called `name` (also its consumer group) on the brokers of `kafka`.

    `instance` makes the worker a static member of the group: stopped and started within the session time-out, it keeps
    its partitions without a rebalance.
    """
    app = faust.App(
        name,
        broker=[f"kafka://{host}" for host in kafka.bootstrap.split(",")],
        broker_credentials=_credentials(kafka),
        datadir=_datadir(),
        store="memory://",
        processing_guarantee="at_least_once",
        agent_supervisor=mode.CrashingSupervisor,
        stream_wait_empty=True,
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance or None,
        # No tables, so no standbys, and then the plain assignor: what Faust's own says of a member changes with every
        # assignment, so that the broker takes a static member that comes back for a changed one and rebalances.
        table_standby_replicas=0,
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=0.5,
        broker_commit_interval=1.0,
        producer_acks=-1,
        producer_linger=0.002,
        producer_max_batch_size=262_144,
        producer_request_timeout=30.0,
        consumer_max_fetch_size=DERIVED_RECORD_BYTES,
        stream_buffer_maxsize=1_024,
        key_serializer="raw",
        value_serializer="raw",
        worker_redirect_stdouts=False,
        web_enabled=False,
    )
    app.flow_control = KeepingFlowControl()
    return app


def raw_topic(app: faust.App, name: str) -> faust.TopicT:
    """The topic as bytes: decoding errors inside Faust would be acknowledged and lost."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


class _Worker(faust.Worker):  # type: ignore[misc] # Faust has no types
    """A worker that stops in time, even when the broker does not let it stop in order."""

    async def stop(self) -> None:
        deadline = threading.Timer(STOP_WITHIN_S, _end_unfinished)
        deadline.daemon = True
        deadline.start()
        await super().stop()
        deadline.cancel()


def run_worker(app: faust.App) -> None:
    """Run the app in this process until SIGTERM or SIGINT; an error in an agent ends the process with status 1."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    worker = _Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it would write escape codes into the log
    worker.execute_from_commandline()


def _end_unfinished() -> None:
    log.error("could not stop in order; what was not acknowledged will be delivered again", seconds=STOP_WITHIN_S)
    os._exit(UNFINISHED)


def _datadir() -> Path:
    """Faust makes folders for tables on disk, which no app here has; one place for all workers, and nothing in it."""
    return Path(tempfile.gettempdir()) / f"aforo-faust-{os.getuid()}"


def _credentials(kafka: KafkaSettings) -> SASLCredentials | None:
    if not kafka.security_protocol.startswith("SASL"):
        return None
    return SASLCredentials(
        username=kafka.sasl_username,
        password=kafka.sasl_password.get_secret_value(),
        mechanism="SCRAM-SHA-512",
        ssl_context=create_ssl_context() if kafka.security_protocol == "SASL_SSL" else None,
    )
