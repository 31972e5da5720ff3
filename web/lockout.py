"""Slows down password guessing: failures are counted in the cache, and too many of them close the door for a while.

Three counters, since each alone is either walked around or turned against honest people: one account from one
address, one account from anywhere, and one address over all accounts.
"""

import hashlib
from collections.abc import Mapping

from django.core.cache import cache

WINDOW_SECONDS = 15 * 60
ACCOUNT_AT_ADDRESS_LIMIT = 5
ACCOUNT_LIMIT = 30
ADDRESS_LIMIT = 100


def _counters(*, username: str, address: str) -> Mapping[str, int]:
    """Cache key -> limit. Names are hashed, so that a listing of the cache shows no account."""
    account = username.strip().casefold()
    return {
        _key("both", account, address): ACCOUNT_AT_ADDRESS_LIMIT,
        _key("account", account): ACCOUNT_LIMIT,
        _key("address", address): ADDRESS_LIMIT,
    }


def _key(*parts: str) -> str:
    return "sign-in:" + hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def codes_of(*, username: str, address: str) -> dict[str, str]:
    """Whose codes are counted: apart from passwords, since a right password must not give a guesser of codes new tries."""
    return {"username": f"second factor of {username}", "address": address}


def is_locked_out(*, username: str, address: str) -> bool:
    """Whether sign-in as `username` from `address` is closed at this moment."""
    limits = _counters(username=username, address=address)
    counts = cache.get_many(limits)
    return any(count >= limits[key] for key, count in counts.items())


def count_failure(*, username: str, address: str) -> None:
    """Count one wrong password; the window starts with the first."""
    for key in _counters(username=username, address=address):
        # add() then incr() is atomic enough: a counter that expires between the two starts again at one.
        if not cache.add(key, 1, WINDOW_SECONDS):
            try:
                cache.incr(key)
            except ValueError:
                cache.add(key, 1, WINDOW_SECONDS)


def forget_failures(*, username: str, address: str) -> None:
    """A right password clears the account's counter at this address, and no other's."""
    cache.delete(_key("both", username.strip().casefold(), address))
