import pytest

from stack.errors import StackError
from stack.services import all_services, choose


def test_every_service_starts_after_what_it_needs() -> None:
    seen: set[str] = set()
    for service in all_services():
        assert set(service.after) <= seen
        seen.add(service.name)


def test_a_choice_brings_what_it_needs() -> None:
    assert [service.name for service in choose(["web"])] == [
        "postgres",
        "valkey",
        "kafka",
        "s3",
        "setup",
        "web",
    ]
    assert [service.name for service in choose(["valkey"])] == ["valkey"]


def test_an_unknown_service_is_a_sentence() -> None:
    with pytest.raises(
        StackError, match=r"There is no service `oracle`: choose from postgres, valkey, kafka"
    ):
        choose(["oracle"])
