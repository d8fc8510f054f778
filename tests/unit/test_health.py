"""The port that probes ask: what it answers, and that nobody can do harm there."""

from __future__ import annotations

import http.client
import json
import socket

import pytest

from pgqueue.errors import ConfigurationError
from pgqueue.worker import health
from pgqueue.worker.health import MOST, ROOM, HealthServer, Report
from support.waiting import wait_for

WELL, ILL = Report(True, {"pump": "ticking"}), Report(False, {"pump": "hung"})


@pytest.fixture
def probed():
    server = HealthServer("127.0.0.1", 0, {"/livez": lambda: WELL, "/readyz": lambda: ILL})
    yield server
    if server._thread.is_alive():
        server.close()


@pytest.fixture
def connect(probed):
    """Opens connections to the port."""
    opened = []

    def connect():
        opened.append(socket.create_connection(("127.0.0.1", probed.port), timeout=20))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def ask(probed, path="/livez", method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", probed.port, timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def everything(connection):
    """What comes until the other end hangs up."""
    said = b""
    try:
        while part := connection.recv(4096):
            said += part
    except ConnectionResetError:
        pass
    return said


def test_what_is_well_is_200_and_what_is_not_is_503_and_the_states_are_named(probed):
    status, body, headers = ask(probed, "/livez")
    assert (status, json.loads(body)) == (200, {"status": "ok", "pump": "ticking"})
    assert headers["Content-Type"] == "application/json"
    status, body, _ = ask(probed, "/readyz")
    assert (status, json.loads(body)) == (503, {"status": "failing", "pump": "hung"})


def test_a_query_changes_nothing(probed):
    assert ask(probed, "/livez?verbose=1")[0] == 200


def test_head_has_the_status_and_no_body(probed):
    status, body, headers = ask(probed, "/readyz", "HEAD")
    assert (status, body) == (503, b"")
    assert "Content-Length" in headers


@pytest.mark.parametrize("path", ["/", "/jobs", "/livez/", "//livez", "/../etc/passwd"])
def test_there_is_no_other_page(probed, path):
    assert ask(probed, path)[:2] == (404, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"])
def test_nothing_can_be_done(probed, method):
    status, body, headers = ask(probed, "/livez", method)
    assert (status, body, headers["Allow"]) == (405, b"", "GET, HEAD")


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /livez\n\n",
        b"\x16\x03\x01\x02\x00\n\n",
        b"\xff\0 \x1b x\n\n",
    ],
)
def test_what_is_not_http_is_told_so(connect, request_):
    connection = connect()
    connection.sendall(request_)
    assert everything(connection).startswith(b"HTTP/1.1 400 ")


def test_a_request_in_pieces_is_answered(connect):
    connection = connect()
    for piece in (b"GE", b"T /livez HT", b"TP/1.1\r\nHost: x\r", b"\n\r\n"):
        connection.sendall(piece)
    assert everything(connection).startswith(b"HTTP/1.1 200 ")


def test_a_head_without_end_is_not_read_to_its_end(connect, probed):
    connection = connect()
    try:
        for _ in range(1000):
            connection.sendall(b"x" * ROOM)
    except OSError:
        pass
    assert everything(connection)[:12] in (b"HTTP/1.1 431", b"")  # a reset may swallow the answer
    assert ask(probed)[0] == 200


def test_who_asks_nothing_is_hung_up_on(connect, probed, monkeypatch):
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    connection = connect()
    connection.sendall(b"GET /livez HTTP/1.1\r\nSlow: ")
    assert everything(connection) == b""
    assert ask(probed)[0] == 200


def test_a_crowd_that_asks_nothing_keeps_no_probe_out_and_is_bounded(connect, probed):
    crowd = [connect() for _ in range(5 * MOST)]
    assert ask(probed)[0] == 200
    assert everything(crowd[0]) == b""  # the first ones had to leave
    assert len(probed._open) <= MOST
    for connection in crowd:
        connection.close()
    wait_for(lambda: not probed._open, "everybody to be forgotten")


def test_a_port_that_is_taken_is_refused_with_the_remedy(probed):
    with pytest.raises(
        ConfigurationError, match=f"--health-port {probed.port}: nothing can listen"
    ):
        HealthServer("127.0.0.1", probed.port, {})


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7", "\ud800"])
def test_an_address_that_is_not_ours_is_refused(host):
    with pytest.raises(ConfigurationError, match="--health-host"):
        HealthServer(host, 0, {})


def test_a_closed_server_lets_go_of_port_and_connections(connect, probed):
    waiting = connect()
    ask(probed)
    port = probed.port
    probed.close()
    assert everything(waiting) == b""
    with socket.create_server(("127.0.0.1", port)):
        pass
    assert not probed._thread.is_alive()


def test_it_listens_on_ipv6_too():
    try:
        server = HealthServer("::1", 0, {"/livez": lambda: WELL})
    except ConfigurationError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with socket.create_connection(("::1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert everything(connection).startswith(b"HTTP/1.1 200 ")
    server.close()
