"""The program of the how-to page, run as it stands: from our own Marquez API to our receiver."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.models import RunEvent
from catalog.services.openlineage import record_event
from tests.catalog.world import dataset, run_event
from tests.factories.identity import make_token, make_user

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "move-from-marquez.md"


@pytest.mark.django_db(transaction=True)
def test_the_program_replays_all_events_and_none_twice(live_server, tmp_path):
    for number in range(3):
        event = run_event(
            run=f"0198a3b1-7c1e-7d32-9a30-{number:012d}",
            at=f"2026-01-0{number + 1}T00:00:00Z",
            outputs=[dataset("t", fields=["x"])],
        )
        record_event(event=event, sender=None)
    program = tmp_path / "replay.py"
    [text] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    program.write_text(text.replace("PAGE = 100", "PAGE = 2"))
    token = make_token(make_user(is_superuser=True))
    urls = {"MARQUEZ_URL": live_server.url, "LAKEWARDEN_URL": live_server.url}
    tokens = {"LAKEWARDEN_TOKEN": token, "MARQUEZ_API_KEY": token}
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, **urls, **tokens},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("3 events sent\n", "")
    assert RunEvent.objects.count() == 3
