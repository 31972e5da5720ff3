"""The production profile: `manage.py check --deploy` finds nothing, and a weak setting stops it."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

PRODUCTION = {
    "LAKEWARDEN_ENV": "production",
    "LAKEWARDEN_URL": "https://lakewarden.example.org",
    # Random, as an operator's would be: Django counts its different characters.
    "LAKEWARDEN_SECRET_KEY": "q8#Lw2!vNz7@Rk4$Tb9%Xm1^Pd6&Hf3*Jc5(Gs0)Ye-Ua_Io=Wl+",
}


def _runtime_role() -> dict[str, str]:
    """The role that production's processes connect as."""
    return {"DATABASE_URL": os.environ["LAKEWARDEN_RUNTIME_DATABASE_URL"]}


def check(**environ: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env={**os.environ, **PRODUCTION, **_runtime_role(), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_production_profile_is_clean():
    done = check()
    assert (done.returncode, done.stdout) == (
        0,
        "System check identified no issues (0 silenced).\n",
    ), done.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("LAKEWARDEN_SECRET_KEY", "short"), ("LAKEWARDEN_URL", "ftp://x")]
)
def test_a_wrong_setting_stops_the_start_with_its_name(name, value):
    done = check(**{name: value})
    assert done.returncode == 1
    assert f"setting `{name}`" in done.stderr
