"""Ports: one that is taken is named with its setting before anything starts."""

import socket

import pytest

from infra.local.errors import PortInUseError
from infra.local.service import accepts, is_free, require_free


def test_a_taken_port_is_named_with_its_setting_and_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        expected = rf"port {port} on 127\.0\.0\.1 is taken.*AFORO_LOCAL__KAFKA_PORT=.*local\.kafka_port"
        with pytest.raises(PortInUseError, match=expected):
            require_free({"kafka_port": port})
        assert accepts(port)


def test_the_port_of_a_server_that_ended_is_free_though_its_connections_linger() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        connection, _ = server.accept()
        connection.close()  # the server's side closes first and waits
        client.close()
    assert is_free(port)
    assert not accepts(port)
    require_free({"kafka_port": port})
