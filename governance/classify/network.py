"""Addresses of devices: IPv4 and IPv6 (RFC 4291), and MAC (IEEE 802). Version numbers look alike."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from governance.classify.column import Column
from governance.classify.suggestion import Finding
from governance.classify.weighing import percent, weigh_share

IP = "pii.ip"
MAC = "pii.mac"
IP_MENTION = re.compile(r"(?<![\w./-])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_PORT = re.compile(r"((?:\d{1,3}\.){3}\d{1,3})(?::\d{1,5}|/32)")
_BRACKETED = re.compile(r"\[([0-9a-fA-F:.]+)\](?::\d{1,5})?")
_EUI64 = re.compile(r"(?:[0-9a-fA-F]{2}:){7}[0-9a-fA-F]{2}")
_MAC = re.compile(
    r"[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}",
    re.IGNORECASE,
)
# The parts of an address go up to 255, those of a version hardly past this.
_VERSION_PART = 60


def find(column: Column) -> list[Finding]:
    """Values that are addresses; those whose parts are all small may as well be versions."""
    total = len(column.values)
    addresses = [parts for each in column.values if (parts := _parts(each)) is not None]
    wide = sum(not parts or max(parts) > _VERSION_PART for parts in addresses)
    looks_like_versions = wide * 2 < len(addresses)
    cap = 0.5 if looks_like_versions else 8
    found = weigh_share(len(addresses), total, chance=0.01, cap=8)
    text = f"{percent(len(addresses), total)} are IP addresses"
    if looks_like_versions:
        text += ", with parts as small as those of version numbers"
    macs = sum(bool(_MAC.fullmatch(each)) for each in column.values)
    weight = weigh_share(macs, total, chance=0.01, cap=8)
    return [
        Finding(IP, min(found, cap), text),
        Finding(MAC, weight, f"{percent(macs, total)} are MAC addresses"),
    ]


def is_told_ip(text: str) -> bool:
    """Whether a piece of text is an IPv4 address, and not a version."""
    return max(_parts(text) or (0,)) > _VERSION_PART


def _parts(text: str) -> tuple[int, ...] | None:
    """The four parts of an IPv4 address, none of an IPv6 one; None where the text is neither, or nobody's."""
    ported = _PORT.fullmatch(text) or _BRACKETED.fullmatch(text)
    bare = (ported.group(1) if ported else text).partition("%")[0]
    try:
        address = IPv4Address(bare)
    except AddressValueError:
        return () if _is_v6(bare) else None
    if address.is_unspecified or bare.startswith("255."):
        return None
    return tuple(address.packed)


def _is_v6(text: str) -> bool:
    if text.count(":") < 2 or _EUI64.fullmatch(text):
        return False
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return False
    return not address.is_unspecified
