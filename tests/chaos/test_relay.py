"""The relay: passes bytes both ways, and cuts."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.relay import Relay
from tests.local_stack import free_ports


@pytest.fixture
def echo() -> Iterator[int]:
    """Port of a server that sends everything back."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=send_back, args=[connection], daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def send_back(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(4_096):
            connection.sendall(data)


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def relay(port: int, echo: int) -> Iterator[Relay]:
    relay = Relay(port, echo)
    yield relay
    relay.close()


def received(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := client.recv(size - len(data))):
        data += more
    return data


@pytest.mark.usefixtures("relay")
def test_bytes_go_there_and_back(port: int) -> None:
    sent = bytes(range(256)) * 1_000
    with socket.create_connection(("127.0.0.1", port)) as client:
        threading.Thread(target=client.sendall, args=[sent], daemon=True).start()
        assert received(client, len(sent)) == sent


def test_a_cut_breaks_what_is_open_and_the_next_connection_works(relay: Relay, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"before")
        assert received(client, 6) == b"before"
        assert relay.cut() == 1
        assert broken(client)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"after")
        assert received(client, 5) == b"after"


def broken(client: socket.socket) -> bool:
    """Whether the other side is gone, by a reset or an end."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_closed_relay_leaves_no_connection_open(port: int, echo: int) -> None:
    relay = Relay(port, echo)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"x")
        assert received(client, 1) == b"x"
        relay.close()
        assert broken(client)


def test_nobody_behind_the_relay_is_as_nobody_there(port: int) -> None:
    relay = Relay(port, free_ports(1)[0])
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert broken(client)
    relay.close()
