"""Addresses that somebody typed in: what is called, and what is not."""

import socket

import pytest

from core.outbound import RefusedAddressError, check_destination, post


def resolving(monkeypatch, *addresses):
    def getaddrinfo(host, port, **_):
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https:///path",
        "https://user:secret@example.org/",
        "https://example.org/#part",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org/\r\nHost: x",
        "https://exämple.org/",
        "https://" + "a" * 2000,
        "//example.org/",
    ],
)
def test_what_is_no_address_to_call(url, monkeypatch):
    resolving(monkeypatch, "93.184.216.34")
    with pytest.raises(RefusedAddressError):
        check_destination(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse, not to listen on
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "2002:7f00:0001::",
        "64:ff9b::7f00:1",
        "2001:0:5ef5:79fd:0:59d:a0e5:ba1",
    ],
)
def test_no_address_inside_a_network_is_called(address, monkeypatch):
    resolving(monkeypatch, address)
    with pytest.raises(RefusedAddressError, match="must lead to a public address"):
        check_destination("https://hooks.example.org/")
    resolving(monkeypatch, "93.184.216.34", address)
    with pytest.raises(RefusedAddressError, match="must lead to a public address"):
        check_destination("https://hooks.example.org/")


def test_a_public_address_is_called_where_it_was_checked(monkeypatch):
    resolving(monkeypatch, "93.184.216.34")
    found = check_destination("https://hooks.Example.org./in?x=1")
    assert (found.host, found.port, found.address) == ("hooks.example.org", 443, "93.184.216.34")


@pytest.mark.parametrize(
    ("url", "named", "called"),
    [
        ("http://127.0.0.1:8080/", ["127.0.0.1"], True),
        ("http://127.0.0.1:8080/", ["127.0.0.0/8"], True),
        ("https://10.0.0.7/", ["10.0.0.0/24", "hooks.internal"], True),
        ("https://10.0.1.7/", ["10.0.0.0/24"], False),
        ("http://93.184.216.34/", ["10.0.0.0/24"], False),
    ],
)
def test_a_setting_names_what_is_private_and_called_all_the_same(url, named, called):
    if called:
        assert check_destination(url, named=named).parts.geturl() == url
        return
    with pytest.raises(RefusedAddressError):
        check_destination(url, named=named)


def test_numbers_that_are_loopback_in_disguise_are_not_called():
    for host in ("2130706433", "0x7f000001", "127.1", "localhost", "[::1]"):
        with pytest.raises(RefusedAddressError):
            check_destination(f"https://{host}/")


def test_nothing_is_sent_where_nothing_may_be():
    with pytest.raises(RefusedAddressError):
        post("https://localhost/", body=b"{}", headers={})
