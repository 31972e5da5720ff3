"""Where things lie: the checkout, the download cache, the default home."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def cache_dir() -> Path:
    """Return the folder of downloaded artifacts, shared by all checkouts of a user.

    `LAKEWARDEN_CACHE` wins, then `XDG_CACHE_HOME`, then `~/.cache`. Root's own home is closed to the
    unprivileged account that runs the servers, so root's default is `/var/cache`.
    """
    if chosen := os.environ.get("LAKEWARDEN_CACHE"):
        return Path(chosen).expanduser().resolve()
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen).expanduser().resolve() / "lakewarden"
    if os.geteuid() == 0:
        return Path("/var/cache/lakewarden")
    return Path.home() / ".cache" / "lakewarden"


def default_home() -> Path:
    """Return the folder of data, logs, pids and passwords: `LAKEWARDEN_HOME`, or `.lakewarden` in the checkout."""
    chosen = os.environ.get("LAKEWARDEN_HOME")
    return Path(chosen).expanduser().resolve() if chosen else CHECKOUT / ".lakewarden"
