from pathlib import Path

import pytest

from stack.account import Account, can_reach, exposed

STRANGER = Account("stranger", 4_000_000, 4_000_000)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "program").write_text("#!/bin/sh\n")
    folder.chmod(0o700)
    return folder


def test_an_ordinary_user_reaches_its_own_things(closed: Path) -> None:
    assert can_reach(closed / "program", None)


def test_a_closed_folder_is_not_reached_by_a_stranger(closed: Path) -> None:
    assert not can_reach(closed / "program", STRANGER)
    assert not can_reach(closed / "to" / "be" / "made", STRANGER)
    assert can_reach(Path("/usr/bin"), STRANGER)


def test_an_unreachable_program_is_copied_once(closed: Path, tmp_path: Path) -> None:
    copy = exposed(closed / "program", STRANGER, tmp_path / "programs")
    inode = copy.stat().st_ino

    assert copy.read_text() == "#!/bin/sh\n"
    assert exposed(closed / "program", STRANGER, tmp_path / "programs").stat().st_ino == inode
