"""Taking, proving and giving back leases. Times are the database's, so that clocks of workers do not matter."""

import os
import socket
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.db import connection

from core.heartbeat import heartbeat
from ingestion.errors import LeaseHeldError, LeaseLostError

DEFAULT_SECONDS = 20.0

# A lease that has run out may be taken; every taking raises the fencing token.
_TAKE = """
INSERT INTO ingestion_lease (name, holder, fencing_token, taken_at, expires_at)
VALUES (%(name)s, %(holder)s, 1, clock_timestamp(),
        clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE
   SET holder = EXCLUDED.holder,
       fencing_token = ingestion_lease.fencing_token + 1,
       taken_at = EXCLUDED.taken_at,
       expires_at = EXCLUDED.expires_at
 WHERE ingestion_lease.expires_at <= clock_timestamp()
RETURNING fencing_token
"""
# The row lock keeps a new holder out until the transaction that proves its token is over.
_PROVE = """
UPDATE ingestion_lease
   SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE name = %(name)s AND fencing_token = %(token)s
"""
_RELEASE = """
UPDATE ingestion_lease SET expires_at = clock_timestamp()
 WHERE name = %(name)s AND fencing_token = %(token)s
"""


@dataclass(frozen=True, slots=True)
class HeldLease:
    name: str
    token: int
    seconds: float


def take_lease(name: str, *, seconds: float = DEFAULT_SECONDS) -> HeldLease:
    """Take the lease for `seconds`; raises `LeaseHeldError` while somebody else has it."""
    holder = f"{socket.gethostname()}:{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"name": name, "holder": holder, "seconds": seconds})
        row = cursor.fetchone()
    if row is None:
        raise LeaseHeldError(f"`{name}` is being worked on by another task")
    return HeldLease(name=name, token=row[0], seconds=seconds)


def prove_lease(lease: HeldLease) -> None:
    """Prolong the lease and lock it to the end of the transaction; raises `LeaseLostError`."""
    with connection.cursor() as cursor:
        cursor.execute(_PROVE, {"name": lease.name, "token": lease.token, "seconds": lease.seconds})
        if cursor.rowcount != 1:
            raise LeaseLostError(f"`{lease.name}` was taken over by another task")


def keep_lease(lease: HeldLease) -> AbstractContextManager[None]:
    """Prolong the lease while the block runs, however long one batch takes."""

    def prolong() -> bool:
        values: dict[str, str | int | float] = {
            "name": lease.name,
            "token": lease.token,
            "seconds": lease.seconds,
        }
        with connection.cursor() as cursor:
            cursor.execute(_PROVE, values)
            return bool(cursor.rowcount)

    return heartbeat(prolong, every=lease.seconds / 3, name=lease.name)


def release_lease(lease: HeldLease) -> None:
    """Give the lease back; one that was lost stays with its new holder."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, {"name": lease.name, "token": lease.token})
