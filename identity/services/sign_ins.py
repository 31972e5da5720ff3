"""The audit log of who came in, who did not, and who left.

An account that is not there is not named: people type passwords into the wrong field.
"""

from core import audit
from identity.models import User

UNKNOWN = "unknown"


def record_sign_in(user: User, *, via: str, address: str) -> None:
    """Somebody came in; `via` says what they showed: `password`, `password and second factor`, `identity provider`."""
    _record(user.username, "success", via=via, address=address)


def record_failure(username: str, *, reason: str, address: str) -> None:
    """Somebody was not let in as `username`."""
    _record(_known(username), "failure", reason=reason, address=address)


def record_lock_out(username: str, *, what: str, address: str) -> None:
    """So many failures that the door stays closed for a while; `what` was guessed."""
    _record(_known(username), "lock-out", what=what, address=address)


def record_sign_out(user: User, *, address: str) -> None:
    _record(user.username, "end", address=address)


def _known(username: str) -> str:
    found = User.objects.filter(username__iexact=username.strip()).first() if username else None
    return found.username if found else UNKNOWN


def _record(username: str, verb: str, **told: str) -> None:
    audit.record(
        actor=username, action=f"sign-in.{verb}", resource=f"user:{username}", payload=told
    )
