import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from infra.docker.probe import problem
from tests.containers.files import arguments, compose, dockerfile_of, environment, ours
from tests.local_stack import free_ports

SUBJECTS = "/apis/ccompat/v7/subjects"
START_S = 60.0
RETRY_S = 0.2


class Ready(BaseHTTPRequestHandler):
    """The registry when it is well, and one path that is not."""

    statuses: ClassVar = {SUBJECTS: 200, "/readyz": 503}

    def do_GET(self) -> None:
        self.send_response(self.statuses[self.path])
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


class Unready(Ready):
    """The registry without its database."""

    statuses: ClassVar = {SUBJECTS: 500}


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server that lives as long as the context."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    with serving(Ready) as port:
        yield port


@contextmanager
def started(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """An `aforo` process with nothing to talk to, ended with the context."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AFORO_")}
    process = subprocess.Popen([sys.executable, "-m", "aforo", *arguments], env=inherited | variables)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answers(process: subprocess.Popen[bytes], port: int, path: str) -> bool:
    """Whether the process came to answer 200 before it ended or the time was over."""
    for _ in range(int(START_S / RETRY_S)):
        if not problem(port, path):
            return True
        try:
            process.wait(RETRY_S)
        except subprocess.TimeoutExpired:
            continue
        return False
    return False


def bash_check(service: str, port: int) -> int:
    """The exit status of a service's health check, aimed at `port` of this machine."""
    healthcheck = compose().services[service].healthcheck
    assert healthcheck is not None
    _, *command = healthcheck.test
    inside = {"kafka": "9092", "registry": "8080"}[service]
    here = [word.replace("$$", "$").replace(f"127.0.0.1/{inside}", f"127.0.0.1/{port}") for word in command]
    assert here != command
    return subprocess.run(here, check=False, stderr=subprocess.DEVNULL, timeout=10).returncode


def test_the_probe_says_which_answer_is_wrong(port: int) -> None:
    assert problem(port, SUBJECTS) == ""
    assert problem(port, "/readyz") == f"port {port} answers 503 to /readyz"


def test_the_probe_says_that_nobody_answers() -> None:
    (closed,) = free_ports(1)
    assert problem(closed, "/metrics").startswith(f"no answer from port {closed}: ConnectionRefusedError")


def test_the_probe_ends_with_its_verdict_as_exit_status(port: int) -> None:
    command = [sys.executable, "-m", "infra.docker.probe", str(port)]
    assert subprocess.run([*command, SUBJECTS], check=False).returncode == 0
    ill = subprocess.run([*command, "/readyz"], check=False, capture_output=True, text=True)
    assert (ill.returncode, ill.stderr) == (1, f"port {port} answers 503 to /readyz\n")


@pytest.mark.parametrize("service", ["kafka", "registry"])
def test_the_check_of_a_service_tells_well_from_gone(service: str, port: int) -> None:
    (closed,) = free_ports(1)
    assert bash_check(service, port) == 0
    assert bash_check(service, closed) != 0


def test_the_check_of_the_registry_reads_the_status() -> None:
    with serving(Unready) as port:
        assert bash_check("registry", port) != 0


@pytest.mark.parametrize("name", ["edge", "cameras", "projector"])
def test_a_process_answers_its_health_check_while_kafka_is_away(name: str, tmp_path: Path) -> None:
    service = ours()[name]
    port, nobody = free_ports(2)
    variables = {
        "AFORO_KAFKA__BOOTSTRAP": f"127.0.0.1:{nobody}",
        "AFORO_REGISTRY__URL": f"http://127.0.0.1:{nobody}",
        "AFORO_DATABASE__URL": f"timescaledb+psycopg2://aforo:secret@127.0.0.1:{nobody}/aforo",
        "AFORO_EDGE__CAMERAS": '[{"id": "door", "source": "rtsp://127.0.0.1:1/stream"}]',
        "AFORO_SIGNING__PRIVATE_KEY": str(tmp_path / "signing.pem"),
        "AFORO_SIGNING__TRUSTED_KEYS": str(tmp_path / "trusted"),
    }
    image = {key: value for key, value in environment(dockerfile_of(service)).items() if key.startswith("AFORO_")}
    with started(*arguments(service), **image | variables | {"AFORO_PROCESS__METRICS_PORT": str(port)}) as process:
        assert answers(process, port, "/metrics")
