"""Loopback ports: found once, remembered, and checked before each start."""

import errno
import hashlib
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from stack.errors import StackError
from stack.files import read_json, write_json

HOST = "127.0.0.1"
# Below the range (from 32768) from which Linux takes the ports of outgoing connections, so that a remembered port stays free.
_FIRST, _LAST = 20000, 29999
_PREFERRED = {"web": 8000}


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the loopback `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
        return True


def holder_of(port: int) -> str:
    """Name the process that listens on `port`, as far as the system lets us see it."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        connections = []
    for connection in connections:
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.laddr.port == port
            and connection.pid
        ):
            try:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.Error:
                return f"process {connection.pid}"
    return "another process"


class Ports:
    """The ports of one home, kept in its `ports.json`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, int] = read_json(file, default={})

    def __getitem__(self, name: str) -> int:
        return self._known[name]

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def choose(self, names: Iterable[str], *, in_use: frozenset[str] = frozenset()) -> list[str]:
        """Give every name a port that is free now; remembered ones are kept.

        `in_use` are names whose own service runs already. Returns a sentence for each remembered
        port that a stranger holds and that was therefore replaced.
        """
        sentences = []
        for name in names:
            known = self._known.get(name)
            if known is not None and (name in in_use or is_free(known)):
                continue
            self._known[name] = self._find(name)
            if known is not None:
                sentences.append(
                    f"Port {known}, remembered for {name}, is taken by {holder_of(known)}; "
                    f"{name} now uses {self._known[name]}. Run `python -m stack env` again in open shells."
                )
        write_json(self._file, self._known)
        return sentences

    def _find(self, name: str) -> int:
        taken = set(self._known.values())
        preferred = _PREFERRED.get(name)
        if preferred and preferred not in taken and is_free(preferred):
            return preferred
        width = _LAST - _FIRST + 1
        start = int.from_bytes(hashlib.sha256(str(self._file).encode()).digest()[:4], "big") % width
        for step in range(width):
            port = _FIRST + (start + step) % width
            if port not in taken and is_free(port):
                return port
        raise StackError(
            f"No loopback port between {_FIRST} and {_LAST} is free: stop some servers and try again."
        )
