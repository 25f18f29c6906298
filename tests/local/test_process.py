"""Background processes: recognised, ended, tied to their parent, and loud when they fail."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import process
from infra.local.errors import FolderInUseError, OtherAddressError, StartFailedError
from infra.local.process import Daemon, start_time

HERE = "127.0.0.1:1"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon("thing", tmp_path)
    yield daemon
    daemon.stop()


def spawn(daemon: Daemon, script: str, **options: str) -> int:
    with daemon.lock() as lock:
        daemon.spawn(
            ["/bin/sh", "-c", script],
            {"PATH": "/usr/bin:/bin", "GREETING": "hello"},
            address=HERE,
            lock=lock,
            **options,
        )
    running = daemon.identity()
    assert running
    return running.pid


def silent_until(daemon: Daemon, word: str) -> str:
    return "" if word in daemon.log.read_text() else f"no {word!r} in the log"


def await_end(pid: int) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor) as file:
        return bool(select.select([file], [], [], 20)[0])


def test_a_running_process_is_recognised_by_pid_and_start_time(daemon: Daemon) -> None:
    pid = spawn(daemon, "exec sleep 60")
    assert start_time(pid) is not None
    assert daemon.runs_at(HERE)


def test_another_process_with_the_same_pid_is_not_mistaken_for_it(daemon: Daemon) -> None:
    started = start_time(os.getpid())
    assert started is not None
    (daemon.folder / "run").mkdir()
    file = daemon.folder / "run" / "thing.json"
    file.write_text(json.dumps({"pid": os.getpid(), "started": started, "address": HERE}))
    assert daemon.identity()
    file.write_text(json.dumps({"pid": os.getpid(), "started": started + 1, "address": HERE}))
    assert daemon.identity() is None
    daemon.stop()  # and it is not ended in the other's place: this test goes on


def test_a_killed_process_counts_as_gone_before_it_is_reaped(daemon: Daemon) -> None:
    pid = spawn(daemon, "exec sleep 60")
    os.kill(pid, signal.SIGKILL)
    assert await_end(pid)
    assert start_time(pid) is None
    assert daemon.identity() is None


def test_a_process_that_ignores_its_stop_signal_is_killed(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "KILL_AFTER_S", 0.3)
    pid = spawn(daemon, "trap '' TERM; echo deaf; while :; do sleep 1; done")
    daemon.await_ready(lambda: silent_until(daemon, "deaf"), 20)
    daemon.stop()
    assert start_time(pid) is None


def test_a_process_ends_by_its_own_stop_signal(tmp_path: Path) -> None:
    daemon = Daemon("thing", tmp_path, signal.SIGUSR1)
    spawn(daemon, "trap 'echo by USR1; exit' USR1; echo deaf; while :; do sleep 0.05; done")
    daemon.await_ready(lambda: silent_until(daemon, "deaf"), 20)
    daemon.stop()
    assert "by USR1" in daemon.log.read_text()


def test_stopping_what_does_not_run_changes_nothing(daemon: Daemon) -> None:
    daemon.stop()
    assert daemon.identity() is None


def test_a_second_start_on_the_same_data_is_refused_by_the_lock_the_process_inherited(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOCK_WAIT_S", 0.1)
    spawn(daemon, "exec sleep 60")
    with pytest.raises(FolderInUseError), daemon.lock():
        pytest.fail("two processes on one folder")
    daemon.stop()
    with daemon.lock():
        assert daemon.identity() is None


def test_a_process_with_another_address_is_not_taken_for_the_one_asked_for(daemon: Daemon) -> None:
    spawn(daemon, "exec sleep 60")
    with pytest.raises(OtherAddressError, match=r"thing .*127\.0\.0\.1:1, the settings say 127\.0\.0\.1:2.*aforo down"):
        daemon.runs_at("127.0.0.1:2")


def test_a_process_gets_the_environment_it_was_given_and_its_folder_as_working_folder(daemon: Daemon) -> None:
    spawn(daemon, "env; pwd; echo told; exec sleep 60")
    daemon.await_ready(lambda: silent_until(daemon, "told"), 20)
    lines = set(daemon.log.read_text().splitlines()) - {"_=/usr/bin/env"}
    assert lines == {"told", "PATH=/usr/bin:/bin", "GREETING=hello", f"PWD={daemon.folder}", f"{daemon.folder}"}


def test_a_process_inherits_no_descriptor_but_the_lock(daemon: Daemon) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    pid = spawn(daemon, "exec sleep 60")
    os.close(writer)
    assert os.read(reader, 1) == b""  # nobody else holds the other end
    os.close(reader)
    targets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    assert targets == {"/dev/null", str(daemon.log), str(daemon.folder / "run" / "thing.lock")}


def test_a_process_that_ends_while_starting_is_reported_with_the_end_of_its_log(daemon: Daemon) -> None:
    with daemon.lock() as lock:
        daemon.spawn(["/bin/sh", "-c", "sleep 0.2; echo no space left; exit 1"], {}, address=HERE, lock=lock)
    with pytest.raises(StartFailedError, match=r"thing ended while starting.*thing\.log:\n    no space left"):
        daemon.await_ready(lambda: "not yet", 20)


def test_a_process_that_never_gets_ready_is_reported_with_the_reason(daemon: Daemon) -> None:
    spawn(daemon, "exec sleep 60")
    with pytest.raises(StartFailedError, match=r"not ready after 0 s \(still reading\)"):
        daemon.await_ready(lambda: "still reading", 0)


def test_the_log_of_the_run_before_is_kept(daemon: Daemon) -> None:
    for word in ("first", "second"):
        spawn(daemon, f"echo {word}; exec sleep 60")
        daemon.await_ready(lambda word=word: silent_until(daemon, word), 20)  # type: ignore[misc]  # bound per round
        daemon.stop()
    assert daemon.log.read_text() == "second\n"
    assert daemon.log.with_suffix(".log.1").read_text() == "first\n"


PARENT = """
import sys
from pathlib import Path
from infra.local.process import Daemon
daemon = Daemon("thing", Path(sys.argv[1]))
with daemon.lock() as lock:
    daemon.spawn(["/bin/sleep", "60"], {}, address="here", lock=lock, death_signal=sys.argv[2] or None)
print(daemon.identity().pid, flush=True)
sys.stdin.read()
"""


def child_of_a_killed_parent(folder: Path, death_signal: str) -> int:
    command = [sys.executable, "-c", PARENT, str(folder), death_signal]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert start_time(pid) is not None
        parent.kill()
    return pid


def test_a_tied_process_dies_when_its_parent_is_killed(daemon: Daemon) -> None:
    pid = child_of_a_killed_parent(daemon.folder, "KILL")
    assert await_end(pid)


def test_a_process_that_is_not_tied_outlives_its_parent(daemon: Daemon) -> None:
    pid = child_of_a_killed_parent(daemon.folder, "")
    running = daemon.identity()
    assert running
    assert running.pid == pid


def test_a_tied_process_is_not_started_from_a_thread_whose_end_would_end_it(daemon: Daemon) -> None:
    caught: list[BaseException] = []

    def attempt() -> None:
        with pytest.raises(RuntimeError, match="main thread") as refused:
            spawn(daemon, "exec sleep 60", death_signal="KILL")
        caught.append(refused.value)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert caught
    assert daemon.identity() is None
