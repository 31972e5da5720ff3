import ast
import sys

import pytest

from stack import bootstrap
from stack.paths import CHECKOUT


def test_an_old_python_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))

    assert bootstrap.main() == 1
    assert capsys.readouterr().err.startswith("error: Python 3.11 or newer is needed, and `")


def test_a_machine_without_venv_and_pip_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / "venv" / "bin" / "python")
    monkeypatch.setattr(bootstrap, "_has", lambda module: False)
    monkeypatch.delenv("CI", raising=False)

    assert bootstrap._make_venv({}) == 1
    assert "`apt-get install python3-venv`" in capsys.readouterr().err


def test_it_is_read_by_an_old_python() -> None:
    """`feature_version` refuses syntax that Python 3.7 does not know."""
    ast.parse((CHECKOUT / "stack" / "bootstrap.py").read_text(), feature_version=(3, 7))
