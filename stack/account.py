"""The unprivileged account that servers run under when the stack is started by root."""

import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError

_CANDIDATES = ("lakewarden", "nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """An operating-system user that is not root."""

    name: str
    uid: int
    gid: int


def service_account() -> Account | None:
    """Return the account for servers, or `None` when we are an ordinary user and run them ourselves."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL refuses to run as root, and no unprivileged account (`lakewarden`, `nobody`, `daemon`) exists: "
        "create one with `useradd --system lakewarden`, or start as an ordinary user."
    )


def can_reach(path: Path, account: Account | None) -> bool:
    """Tell whether `account` may walk down to `path` (which may not exist yet) and read it."""
    if account is None:
        return True
    existing = path
    while not existing.exists():
        existing = existing.parent
    bits = 0o5 if existing.is_dir() else 0o4
    if existing == path and not _allows(existing, account, bits):
        return False
    return all(_allows(folder, account, 0o1) for folder in existing.parents)


def _allows(path: Path, account: Account, bits: int) -> bool:
    entry = path.stat()
    if entry.st_uid == account.uid:
        granted = stat.S_IMODE(entry.st_mode) >> 6
    elif entry.st_gid == account.gid:
        granted = stat.S_IMODE(entry.st_mode) >> 3
    else:
        granted = stat.S_IMODE(entry.st_mode)
    return granted & bits == bits


def give_to(path: Path, account: Account | None) -> None:
    """Make `path` belong to the servers' account; nothing to do for an ordinary user."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def exposed(path: Path, account: Account | None, folder: Path) -> Path:
    """Return `path`, or a copy of it below `folder` where `account` cannot reach the original.

    A virtual environment in the home folder of root is closed to everybody else; a copy of the one server
    program there is smaller harm than opening root's home.
    """
    if can_reach(path, account):
        return path
    seen = path.stat()
    name = f"{path}:{seen.st_size}:{seen.st_mtime_ns}"
    place = folder / hashlib.sha256(name.encode()).hexdigest()[:12]
    target = place / path.name
    if not target.exists():
        staged = place.with_name(f"{place.name}.{os.getpid()}")
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True, mode=0o755)
        if path.is_dir():
            shutil.copytree(path, staged / path.name, symlinks=True)
        else:
            shutil.copy2(path, staged / path.name)
        shutil.rmtree(place, ignore_errors=True)
        staged.rename(place)
    return target
