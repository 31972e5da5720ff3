import pytest

from stack.errors import StackError
from stack.home import open_home
from stack.ports import Ports
from stack.services import all_services, choose
from stack.services.application import Application
from stack.services.base import Context
from stack.services.postgres import cache_settings


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


def test_only_the_setup_connects_as_the_owner_of_the_tables(tmp_path) -> None:
    home = open_home(tmp_path / "home")
    home.ensure()
    ports = Ports(home.ports_file)
    ports.choose([name for service in all_services() for name in service.port_names])
    context = Context(home, ports, home.secrets())
    roles = {}
    for service in all_services():
        if isinstance(service, Application):
            env = service.launch(context).env
            roles[service.name] = env["DATABASE_URL"].split(":")[1].removeprefix("//")
            assert "LAKEWARDEN_RUNTIME_DATABASE_URL" not in env
    assert {name for name, role in roles.items() if role != "lakewarden_app"} == {"setup"}
    assert roles["setup"] == "lakewarden"


@pytest.mark.parametrize(
    ("gib", "own", "system"),
    [(0.5, "128MB", "1024MB"), (4, "512MB", "2048MB"), (64, "1024MB", "32768MB")],
)
def test_postgres_takes_an_eighth_of_the_memory_within_bounds(gib, own, system) -> None:
    assert cache_settings(int(gib * 2**30)) == {
        "shared_buffers": own,
        "effective_cache_size": system,
    }
