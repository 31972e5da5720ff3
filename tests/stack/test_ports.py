import socket
from pathlib import Path

from stack.ports import HOST, Ports, is_free


def listening() -> socket.socket:
    server = socket.create_server((HOST, 0))
    server.listen()
    return server


def test_chosen_ports_are_distinct_free_and_remembered(tmp_path: Path) -> None:
    first = Ports(tmp_path / "ports.json")

    assert first.choose(["postgres", "valkey"]) == []

    again = Ports(tmp_path / "ports.json")
    assert again.choose(["postgres", "valkey"]) == []
    assert {name: again[name] for name in again} == {name: first[name] for name in first}
    assert again["postgres"] != again["valkey"]
    assert is_free(again["postgres"])


def test_a_remembered_port_that_a_stranger_took_is_replaced_with_a_sentence(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    ports.choose(["valkey"])
    taken = ports["valkey"]

    with socket.create_server((HOST, taken)):
        sentences = ports.choose(["valkey"])

    assert len(sentences) == 1
    assert sentences[0].startswith(f"Port {taken}, remembered for valkey, is taken by process ")
    assert f"valkey now uses {ports['valkey']}." in sentences[0]
    assert ports["valkey"] != taken


def test_a_port_that_our_own_service_holds_is_kept(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    ports.choose(["valkey"])
    taken = ports["valkey"]

    with socket.create_server((HOST, taken)):
        assert ports.choose(["valkey"], in_use=frozenset({"valkey"})) == []

    assert ports["valkey"] == taken


def test_a_listening_port_is_not_free() -> None:
    with listening() as server:
        assert not is_free(server.getsockname()[1])
