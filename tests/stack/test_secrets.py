"""Generated passwords and identifiers are random: no first character of one may stop a start."""

import secrets

import pytest

from stack.files import read_json, write_json
from stack.home import Home
from tests.stack.conftest import Stack

pytestmark = pytest.mark.crash


def test_secrets_that_begin_with_a_dash_start_every_server(home: Home, stack: Stack) -> None:
    home.ensure()
    generated = read_json(home.secrets_file, default={})
    dashed = {name: f"-{value[1:]}" for name, value in generated.items()}
    # An access key of S3 is letters and digits by its own rule.
    dashed["s3_access_key"] = "lw" + secrets.token_hex(9)
    write_json(home.secrets_file, dashed, mode=0o600)

    started = stack("up", "--only", "postgres,valkey,kafka,s3")

    assert started.returncode == 0, started.stdout + started.stderr
