"""Calling addresses that somebody typed in: never an address inside our own network, never where a redirect leads.

The name is resolved once, every address that it has is checked, and the connection goes to the checked one, so that a
name that changes between check and call (DNS rebinding) changes nothing.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from core.errors import InvalidInputError

TIMEOUT = 10.0  # seconds, for each of connecting, sending and waiting
LONGEST = 20.0  # seconds, for all that follows the connection: a peer may send a byte at a time
MAX_URL = 2000
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RefusedAddressError(InvalidInputError):
    """The URL is none that we call: not HTTPS, or not an address of the public network that a setting allows."""

    code = "refused-address"


@dataclass(frozen=True, slots=True)
class Destination:
    """A checked place to connect to; `host` is what TLS and the `Host` header name."""

    parts: SplitResult
    host: str
    port: int
    address: str


def check_destination(url: str, *, named: Iterable[str] = ()) -> Destination:
    """Where `url` leads, resolved now. `named` are hosts, addresses and networks that may be private, and without TLS.

    Raises RefusedAddressError, without saying what a name resolves to.
    """
    parts = _split(url)
    host = (parts.hostname or "").rstrip(".").lower()
    allowed = set(named)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = _resolve(host, port)
    is_named = host in allowed or all(_is_in(each, allowed) for each in addresses)
    if parts.scheme != "https" and not is_named:
        raise RefusedAddressError("`url` must begin with https://")
    if not is_named and not all(_is_public(each) for each in addresses):
        raise RefusedAddressError("`url` must lead to a public address, or to one that is allowed")
    return Destination(parts, host, port, str(addresses[0]))


def post(url: str, *, body: bytes, headers: Mapping[str, str], named: Iterable[str] = ()) -> int:
    """POST `body`; the HTTP status of the answer, whatever it is. A redirect is an answer like any other.

    Raises RefusedAddressError, or OSError and http.client.HTTPException where no answer came.
    """
    place = check_destination(url, named=named)
    connection = http.client.HTTPConnection(place.host, place.port, timeout=TIMEOUT)
    connection.sock = _connect(place)
    path = (place.parts.path or "/") + (f"?{place.parts.query}" if place.parts.query else "")
    with _bounded(connection.sock):
        try:
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            connection.request("POST", path, body=body, headers=dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()


def _connect(place: Destination) -> socket.socket:
    """Connected; the handshake of TLS is still to come."""
    plain = socket.create_connection((place.address, place.port), timeout=TIMEOUT)
    if place.parts.scheme != "https":
        return plain
    try:
        return ssl.create_default_context().wrap_socket(
            plain, server_hostname=place.host, do_handshake_on_connect=False
        )
    except BaseException:
        plain.close()
        raise


@contextmanager
def _bounded(connected: socket.socket) -> Iterator[None]:
    """Cut the connection after LONGEST, which whoever reads from it sees as its end."""

    def cut() -> None:
        with suppress(OSError):
            # that of the plain socket: TLS has no time for a farewell
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(LONGEST, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedAddressError("`url` is not a URL") from None
    if (
        len(url) > MAX_URL
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or not url.isascii()
        or any(char.isspace() or not char.isprintable() for char in url)
    ):
        raise RefusedAddressError("`url` must be an https:// URL with a host, in ASCII")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise RefusedAddressError("`url` must hold no user, password or fragment")
    return parts


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedAddressError("the host of `url` is not known") from None
    return [ipaddress.ip_address(each[4][0].partition("%")[0]) for each in found]  # type: ignore[union-attr]


def _is_in(address: Address, allowed: Iterable[str]) -> bool:
    for each in allowed:
        try:
            if address in ipaddress.ip_network(each, strict=False):
                return True
        except ValueError:
            continue  # a host name
    return False


def _is_public(address: Address) -> bool:
    """Whether the address, and one that it carries inside (mapped, 6to4, Teredo, NAT64), is of the public network."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return all(_is_public(each) for each in _carried(address))


def _carried(address: Address) -> list[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    teredo = address.teredo or ()
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *teredo]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in found if each is not None]
