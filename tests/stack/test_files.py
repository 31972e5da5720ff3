import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stack.files import read_json, write_json, write_text


def test_a_file_has_its_mode_and_text_and_leaves_no_staged_copy(tmp_path: Path) -> None:
    write_text(tmp_path / "secret", "s3cret", mode=0o600)

    assert (tmp_path / "secret").read_text() == "s3cret"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_threads_that_write_one_file_at_once_do_not_take_each_others_copy(tmp_path: Path) -> None:
    def write(number: int) -> None:
        write_text(tmp_path / "shared", f"{number}" * 1000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(10, 90)))

    assert len(set(zip(*[iter((tmp_path / "shared").read_text())] * 2, strict=True))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_json_comes_back(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"port": 1})

    assert read_json(tmp_path / "x.json", default=None) == {"port": 1}


@pytest.mark.parametrize("damage", ["", "{", "\x00\x00"])
def test_damaged_json_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    (tmp_path / "x.json").write_text(damage)

    assert read_json(tmp_path / "x.json", default={}) == {}
