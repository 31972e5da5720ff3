"""Small files that must never be seen half-written."""

import json
import os
import threading
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace `path` atomically and durably; it has `mode` from its first instant."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    staged.replace(path)


def write_json(path: Path, value: Any, *, mode: int = 0o644) -> None:
    """Replace `path` atomically by `value` as JSON."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n", mode=mode)


def read_json(path: Path, *, default: Any) -> Any:
    """Return the JSON value in `path`, or `default` when it is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return default
