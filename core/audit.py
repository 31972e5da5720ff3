"""The port through which every app writes the audit log, which `governance` keeps.

The sink writes in the caller's transaction: a change without its record cannot commit.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class AuditSink(Protocol):
    """Appends one record; raises if it cannot, so that the change fails with it."""

    def __call__(
        self,
        *,
        actor: str,
        action: str,
        resource: str,
        payload: dict[str, Any],
        about: Collection[str],
    ) -> None: ...


class Authority(Protocol):
    """The role, beyond their own grants and offices, in which `actor` acts now; None for no such role."""

    def __call__(self, actor: str) -> str | None: ...


_sinks: list[AuditSink] = []
_authority: ContextVar[Authority | None] = ContextVar("authority", default=None)


def register_sink(sink: AuditSink) -> None:
    """Set the writer of the log; called once, when the app that keeps it is ready."""
    _sinks[:] = [sink]


def record(
    *,
    actor: str,
    action: str,
    resource: str,
    payload: dict[str, Any] | None = None,
    about: Collection[str] = (),
) -> None:
    """Append to the audit log: `actor` did `action` (noun.verb) to `resource`.

    `payload` is JSON-safe and holds no secret; it also says by which role `actor` acts, where `acting` knows one.
    `about` names the users that it tells of beside the actor and the user of a resource `user:NAME`: who erases one of
    them makes the payload unreadable. Without a registered sink this raises RuntimeError: what cannot be recorded does
    not happen.
    """
    if not _sinks:
        raise RuntimeError("no audit sink is registered")
    authority = _authority.get()
    role = authority(actor) if authority else None
    told = {**(payload or {}), **({"by_role": role} if role else {})}
    _sinks[0](actor=actor, action=action, resource=resource, payload=told, about=about)


@contextmanager
def acting(authority: Authority) -> Iterator[None]:
    """Ask `authority` about the actor of each record that is written within: nobody acts by a role in silence."""
    before = _authority.set(authority)
    try:
        yield
    finally:
        _authority.reset(before)
