"""Jars and PostgreSQL binaries: pinned in artifacts.toml, fetched by the Ivy that pyspark carries, verified."""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import quoteattr

from stack import java
from stack.errors import InstallError
from stack.paths import cache_dir

LOCK = Path(__file__).with_name("artifacts.toml")
_ATTEMPTS = 4
_DOWNLOAD_SECONDS = 1200


@dataclass(frozen=True)
class Artifact:
    """A jar by its Maven coordinates, and the SHA-256 of the only bytes that we accept."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}.jar"


def locked(section: str) -> list[Artifact]:
    """Return the artifacts of a section of the lock file, in its order."""
    table: dict[str, str] = tomllib.loads(LOCK.read_text())[section]
    artifacts = []
    for coordinates, digest in table.items():
        group, name, version = coordinates.split(":")
        artifacts.append(Artifact(group, name, version, digest))
    return artifacts


def kafka_jars() -> list[Path]:
    """Return the broker's jars in the lock's order (a class archive holds for exactly one order)."""
    folder = _require("kafka")
    return [folder / artifact.file for artifact in locked("kafka")]


def spark_jars_dir() -> Path:
    """Return the folder with the jars that Spark needs beside its own (SPARK_JARS_DIR)."""
    return _require("spark")


def postgres_dir() -> Path:
    """Return the folder that holds `bin/postgres`."""
    return _require(_postgres_section()) / "pgsql"


def ensure() -> None:
    """Fetch, verify and unpack whatever is missing; a second call costs nothing.

    Raises InstallError when an artifact cannot be had, or has other bytes than the lock names.
    """
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise InstallError(
            f"`{error.filename}` cannot be written: set LAKEWARDEN_CACHE to a folder of your own."
        ) from error
    with _exclusive(cache / "lock"):
        for section in (_postgres_section(), "kafka", "spark"):
            if not _place(section).exists():
                _fetch(section, cache)


def is_complete() -> bool:
    """Tell whether everything that the stack runs is in the cache."""
    return all(_place(section).exists() for section in (_postgres_section(), "kafka", "spark"))


def _postgres_section() -> str:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if platform.system() != "Linux" or machine not in {"x86_64", "aarch64"}:
        raise InstallError(
            f"The embedded stack runs on Linux on x86_64 and aarch64, not on {platform.system()} {platform.machine()}: "
            "point the product at services that you run (docs/how-to/outside-services.md)."
        )
    return f"postgres-{machine}"


def _place(section: str) -> Path:
    named = "".join(f"{one.file}{one.sha256}" for one in locked(section))
    return cache_dir() / f"{section}-{hashlib.sha256(named.encode()).hexdigest()[:12]}"


def _require(section: str) -> Path:
    place = _place(section)
    if not place.exists():
        raise InstallError(
            f"The {section.partition('-')[0]} files are not in {place.parent}: run `make install`."
        )
    return place


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _fetch(section: str, cache: Path) -> None:
    wanted = locked(section)
    staged = cache / f"fetching-{section}"
    staged.mkdir(exist_ok=True)
    print(f"  fetching {len(wanted)} {section.partition('-')[0]} artifact(s) ...", flush=True)
    failure = ""
    for _ in range(_ATTEMPTS):
        missing = [one for one in wanted if not _is_good(staged / one.file, one)]
        if not missing:
            break
        failure = _retrieve(missing, staged, cache)
    missing = [one for one in wanted if not _is_good(staged / one.file, one)]
    if missing:
        raise InstallError(
            f"{len(missing)} of {len(wanted)} artifacts could not be fetched, first {missing[0].group}:{missing[0].name}:"
            f"{missing[0].version}: check the network (and SSL_CERT_FILE behind a proxy) and run `make install` again; "
            f"what has arrived is kept.\n{failure}"
        )
    if section.startswith("postgres"):
        _unpack_postgres(staged / wanted[0].file, staged)
    staged.rename(_place(section))
    # Ivy's own copies are of no more use, and are as large as ours.
    shutil.rmtree(cache / "ivy", ignore_errors=True)


def _is_good(path: Path, artifact: Artifact) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() == artifact.sha256:
            return True
    path.unlink()
    return False


def _retrieve(artifacts: list[Artifact], target: Path, cache: Path) -> str:
    """Run Ivy once; return the end of what it said, for the error message."""
    module = target / "ivy.xml"
    module.write_text(_ivy_module(artifacts))
    command: list[str | Path] = [
        java.runtime() / "bin" / "java",
        "-XX:TieredStopAtLevel=1",
        f"-Duser.home={cache}",
        *java.trust_options(cache),
        *("-jar", _ivy_jar(), "-ivy", module, "-cache", cache / "ivy", "-confs", "default"),
        *("-retrieve", f"{target}/[artifact]-[revision].[ext]"),
    ]
    if settings := os.environ.get("LAKEWARDEN_IVY_SETTINGS"):
        command += ["-settings", settings]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no end after {_DOWNLOAD_SECONDS} seconds"
    finally:
        module.unlink()
    said = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if line.strip() and not line.startswith("....")
    ]
    return "\n".join(said[-12:])


def _ivy_module(artifacts: list[Artifact]) -> str:
    lines = "\n".join(
        f"<dependency org={quoteattr(one.group)} name={quoteattr(one.name)} rev={quoteattr(one.version)} "
        'transitive="false" conf="default->master"/>'
        for one in artifacts
    )
    return (
        '<ivy-module version="2.0"><info organisation="lakewarden" module="stack"/>\n'
        f'<configurations><conf name="default"/></configurations>\n<dependencies>\n{lines}\n</dependencies></ivy-module>\n'
    )


def _ivy_jar() -> Path:
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise InstallError(
            "pyspark is missing, and with it the Ivy that fetches jars: run `make install`."
        )
    jars = sorted((Path(found.origin).parent / "jars").glob("ivy-*.jar"))
    if not jars:
        raise InstallError(
            "pyspark carries no Ivy: remove the folder `.venv` and run `make install`."
        )
    return jars[-1]


def _unpack_postgres(jar: Path, folder: Path) -> None:
    target = folder / "pgsql"
    shutil.rmtree(target, ignore_errors=True)
    with zipfile.ZipFile(jar) as outer:
        inner = next(name for name in outer.namelist() if name.endswith(".txz"))
        with outer.open(inner) as stream, tarfile.open(fileobj=stream, mode="r:xz") as archive:
            # Pythons before 3.11.4 know no filter and ignore this; the bytes are verified either way.
            archive.extraction_filter = getattr(tarfile, "tar_filter", None)
            archive.extractall(target)  # noqa: S202
    jar.unlink()
