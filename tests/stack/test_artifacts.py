import re
from pathlib import Path

import pytest

from stack import artifacts
from stack.errors import InstallError


def test_every_section_is_pinned_by_sha256() -> None:
    counts = {
        name: len(artifacts.locked(name))
        for name in ("postgres-x86_64", "postgres-aarch64", "kafka", "spark")
    }

    assert counts == {"postgres-x86_64": 1, "postgres-aarch64": 1, "kafka": 45, "spark": 7}
    for name in counts:
        for artifact in artifacts.locked(name):
            assert re.fullmatch("[0-9a-f]{64}", artifact.sha256)


def test_other_bytes_than_the_lock_names_are_refused_and_removed(tmp_path: Path) -> None:
    artifact = artifacts.locked("spark")[0]
    path = tmp_path / artifact.file
    path.write_bytes(b"not this jar")

    assert not artifacts._is_good(path, artifact)
    assert not path.exists()


def test_the_installed_jars_are_the_locked_ones() -> None:
    folder = artifacts.spark_jars_dir()

    assert sorted(path.name for path in folder.glob("*.jar")) == sorted(
        one.file for one in artifacts.locked("spark")
    )


def test_an_empty_cache_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEWARDEN_CACHE", str(tmp_path))

    assert not artifacts.is_complete()
    with pytest.raises(InstallError) as caught:
        artifacts.kafka_jars()

    assert str(caught.value) == f"The kafka files are not in {tmp_path}: run `make install`."
