"""The services of the stack, in the order in which they can start."""

from stack.errors import StackError
from stack.services.application import Beat, Setup, Web, Worker
from stack.services.base import Service
from stack.services.kafka import Kafka
from stack.services.postgres import Postgres
from stack.services.seaweedfs import SeaweedFS
from stack.services.valkey import Valkey


def all_services() -> list[Service]:
    """Return every service; those that others wait for come first."""
    return [
        Postgres(),
        Valkey(),
        Kafka(),
        SeaweedFS(),
        Setup(),
        Web(),
        Worker("default", queues="default,tiering", concurrency=1),
        Worker("ingestion", queues="ingestion", concurrency=2),
        Worker("processing", queues="processing", concurrency=1),
        Beat(),
    ]


def choose(names: list[str] | None) -> list[Service]:
    """Return the named services and what they wait for, or all of them.

    Raises StackError for a name that is none.
    """
    known = {service.name: service for service in all_services()}
    if not names:
        return list(known.values())
    wanted: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in known:
            raise StackError(f"There is no service `{name}`: choose from {', '.join(known)}.")
        if name not in wanted:
            wanted.add(name)
            pending.extend(known[name].after)
    return [service for service in known.values() if service.name in wanted]
