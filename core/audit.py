"""The port through which every app writes the audit log, which `governance` keeps.

The sink writes in the caller's transaction: a change without its record cannot commit.
"""

from typing import Any, Protocol


class AuditSink(Protocol):
    """Appends one record; raises if it cannot, so that the change fails with it."""

    def __call__(
        self, *, actor: str, action: str, resource: str, payload: dict[str, Any]
    ) -> None: ...


_sinks: list[AuditSink] = []


def register_sink(sink: AuditSink) -> None:
    """Set the writer of the log; called once, when the app that keeps it is ready."""
    _sinks[:] = [sink]


def record(
    *, actor: str, action: str, resource: str, payload: dict[str, Any] | None = None
) -> None:
    """Append to the audit log: `actor` did `action` (noun.verb) to `resource`.

    `payload` is JSON-safe and holds no secret. Without a registered sink this raises RuntimeError: what
    cannot be recorded does not happen.
    """
    if not _sinks:
        raise RuntimeError("no audit sink is registered")
    _sinks[0](actor=actor, action=action, resource=resource, payload=payload or {})
