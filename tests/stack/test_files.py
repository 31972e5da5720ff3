import stat
from pathlib import Path

import pytest

from stack.files import read_json, write_json, write_text


def test_a_file_has_its_mode_and_text_and_leaves_no_staged_copy(tmp_path: Path) -> None:
    write_text(tmp_path / "secret", "s3cret", mode=0o600)

    assert (tmp_path / "secret").read_text() == "s3cret"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_json_comes_back(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"port": 1})

    assert read_json(tmp_path / "x.json", default=None) == {"port": 1}


@pytest.mark.parametrize("damage", ["", "{", "\x00\x00"])
def test_damaged_json_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    (tmp_path / "x.json").write_text(damage)

    assert read_json(tmp_path / "x.json", default={}) == {}
