"""Is a server ready? Each probe speaks the server's own protocol, with nothing but sockets."""

import contextlib
import http.client
import socket
import struct
from collections.abc import Iterator

from stack.ports import HOST

_SECONDS = 2.0


@contextlib.contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), timeout=_SECONDS) as connection:
        connection.settimeout(_SECONDS)
        yield connection


def postgres_answers(port: int) -> bool:
    """Tell whether PostgreSQL asks for a password, which it does only when it accepts sessions.

    While it starts or recovers it answers the same message with an error (protocol 3.0, StartupMessage).
    """
    body = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0"
    try:
        with _connected(port) as connection:
            connection.sendall(struct.pack(">i", len(body) + 4) + body)
            return connection.recv(1) == b"R"
    except OSError:
        return False


def valkey_answers(port: int, password: str) -> bool:
    """Tell whether Valkey takes the password and answers PING (it refuses while it loads its data)."""
    try:
        with _connected(port) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while not answer.endswith(b"PONG\r\n") and not answer.startswith(b"-"):
                part = connection.recv(256)
                if not part:
                    return False
                answer += part
            return answer == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False


def kafka_answers(port: int) -> bool:
    """Tell whether the broker lists itself as alive (Metadata request, version 1, no topics)."""
    client = b"lakewarden-probe"
    request = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
    try:
        with _connected(port) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = _receive(connection, 12)
            brokers: int = struct.unpack(">iii", head)[2]
            return brokers > 0
    except (OSError, EOFError):
        return False


def http_answers(port: int, path: str, *, host: str = HOST) -> bool:
    """Tell whether a web server answers `path` with anything but a server error."""
    try:
        connection = http.client.HTTPConnection(HOST, port, timeout=5.0)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": f"{host}:{port}"})
            return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False


def _receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received
