"""The tutorial: every command in it exists, and `make test-tutorial` runs them against what `make demo` left running."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve

from demo.client import Api

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "first-steps.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# `stack exec` has set the same variables, for whichever stack it was told.
SETS_THE_ENVIRONMENT = 'eval "$(make -s env)"'
PERSON = "ana"


@dataclass(frozen=True)
class Step:
    """A block of commands, and lines that its output holds."""

    commands: str
    shown: tuple[str, ...] = ()


def steps() -> list[Step]:
    found: list[Step] = []
    for kind, body in FENCE.findall(PAGE.read_text()):
        if kind == "text":
            found[-1] = Step(found[-1].commands, tuple(body.splitlines()))
        else:
            found.append(Step(body.strip()))
    return found


STEPS = steps()
COMMANDS = "\n".join(step.commands for step in STEPS)


def test_the_page_has_commands_and_what_they_show():
    assert [bool(step.shown) for step in STEPS] == [False, True, True, False, True, True, True]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.commands[:40])
def test_each_block_is_a_script(step):
    done = subprocess.run(
        ["bash", "-n"], input=step.commands, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_address_is_one_of_the_product():
    paths = [
        path.replace("$UUID", "01a2084b-5a70-7387-87e0-8a287492ef3a")
        for path in re.findall(r"\$LAKEWARDEN_URL(/[^?\"]*)", COMMANDS)
    ]
    assert len(paths) == 5
    for path in paths:
        resolve(path)


def test_each_command_and_file_exists():
    text = PAGE.read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"[`(]make (?:-s )?([a-z-]+)", text)) <= targets
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= set(get_commands())
    named = re.findall(r"`(demo/[a-z_/]+\.py)`", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.tutorial
@pytest.mark.skipif(
    os.environ.get("LAKEWARDEN_TUTORIAL") != "1", reason="`make test-tutorial` runs it after a demo"
)
def test_the_page_as_it_is_read():
    """All blocks in one shell, one after the other, as a reader types them."""
    url = os.environ["LAKEWARDEN_URL"]
    kept = Path(os.environ["LAKEWARDEN_DATA_DIR"]) / "demo" / "passwords" / PERSON
    ana = Api.sign_in(url, PERSON, kept.read_text(), scopes=("read",))
    token = ana.session.headers["Authorization"].removeprefix("Bearer ")
    mark = "== end of a step =="
    script = "\n".join(
        f"{step.commands.replace(SETS_THE_ENVIRONMENT, ':')}\necho; echo '{mark}'" for step in STEPS
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "TOKEN_OF_ANA": token},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = done.stdout.split(mark)
    missing = [
        (step.commands, line)
        for step, output in zip(STEPS, outputs, strict=False)
        for line in step.shown
        if line not in output
    ]
    assert missing == []
