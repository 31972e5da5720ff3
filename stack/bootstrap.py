"""`make install`: from a bare Python to everything that the project runs. Standard library only.

Run by whatever `python3` is there, so this file keeps to what Python 3.7 can read: it must be able
to say that the Python is too old.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "lakewarden-installed"
BOOTSTRAP = ROOT / "requirements" / "bootstrap.txt"
LOCKS = [ROOT / "requirements" / (name + ".txt") for name in ("base", "stack", "dev")]
OLDEST = (3, 11)
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_ATTEMPTS = 3


def main() -> int:
    """Install what is missing; return the exit status."""
    if sys.version_info < OLDEST:
        return _fail(
            f"Python 3.11 or newer is needed, and `{sys.executable}` is {sys.version.split()[0]}. "
            "Install a newer one and name it: `make install PYTHON=python3.12`."
        )
    mark = _mark()
    if not STAMP.exists() or STAMP.read_text() != mark:
        status = _install(_environment())
        if status:
            return status
        STAMP.write_text(mark)
    return _call([PYTHON, "-m", "stack", "install"])


def _install(env: dict[str, str]) -> int:
    began = time.monotonic()
    status = _make_venv(env)
    if status:
        return status
    print("Installing the Python packages (versions and hashes are pinned) ...", flush=True)
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "uv",
        "pip",
        "sync",
        "--require-hashes",
        "--quiet",
        *LOCKS,
        BOOTSTRAP,
    ]
    for attempt in range(_ATTEMPTS):
        if _call(command, env=env) == 0:
            print(f"Python packages installed in {time.monotonic() - began:.0f} s.", flush=True)
            return 0
        print(f"Attempt {attempt + 1} of {_ATTEMPTS} failed.", flush=True)
    return _fail(
        "The packages could not be installed: check the network (and PIP_INDEX_URL, SSL_CERT_FILE) "
        "and run `make install` again; what has arrived is kept."
    )


def _make_venv(env: dict[str, str]) -> int:
    """Make the virtual environment with `uv` in it, with or without Debian's python3-venv."""
    if PYTHON.exists() and _call([PYTHON, "-m", "uv", "--version"], env=env, quiet=True) == 0:
        return 0
    print("Making the virtual environment .venv ...", flush=True)
    pip = _create(env)
    if pip is None:
        return _fail(
            "Python's `venv` module is incomplete on this machine: `apt-get install python3-venv` "
            "(or your system's package of that name), and run `make install` again."
        )
    command = [*pip, "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    for _ in range(_ATTEMPTS):
        if _call([*command, "-r", BOOTSTRAP], env=env) == 0:
            return 0
    return _fail(
        "`uv` could not be installed: check the network (and PIP_INDEX_URL, PIP_CERT) "
        "and run `make install` again."
    )


def _create(env: dict[str, str]) -> list[str | Path] | None:
    """Create .venv; return a pip command that installs into it, or None when there is no way."""
    shutil.rmtree(VENV, ignore_errors=True)
    if _has("ensurepip") or _add_debian_package(env):
        done = _call([sys.executable, "-m", "venv", VENV])
        return [PYTHON, "-m", "pip"] if done == 0 else None
    if _has("venv") and _has("pip"):
        done = _call([sys.executable, "-m", "venv", "--without-pip", VENV])
        return [sys.executable, "-m", "pip", "--python", PYTHON] if done == 0 else None
    return None


def _has(module: str) -> bool:
    return _call([sys.executable, "-c", "import " + module], quiet=True) == 0


def _add_debian_package(env: dict[str, str]) -> bool:
    """In CI, as root, on Debian: install python3-venv. Nobody's own machine is changed unasked."""
    if os.geteuid() != 0 or env.get("CI") != "true" or shutil.which("apt-get") is None:
        return False
    calm = dict(env, DEBIAN_FRONTEND="noninteractive")
    _call(["apt-get", "update", "-qq"], env=calm)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv"]
    return _call(command, env=calm) == 0


def _environment() -> dict[str, str]:
    """Return the environment in which pip and uv trust what the system trusts and use one index."""
    env = dict(os.environ)
    if _SYSTEM_BUNDLE.exists():
        env.setdefault("SSL_CERT_FILE", str(_SYSTEM_BUNDLE))
        env.setdefault("PIP_CERT", env["SSL_CERT_FILE"])
    if env.get("PIP_INDEX_URL"):
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    env.setdefault("UV_HTTP_TIMEOUT", "180")
    # The cache and .venv may lie on different disks; a copy is always right.
    env.setdefault("UV_LINK_MODE", "copy")
    return env


def _mark() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in [BOOTSTRAP, *LOCKS]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _call(
    command: Sequence[str | Path], *, env: dict[str, str] | None = None, quiet: bool = False
) -> int:
    output = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=str(ROOT), env=env, stdout=output, stderr=output, check=False
    ).returncode


def _fail(sentence: str) -> int:
    print("error: " + sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
