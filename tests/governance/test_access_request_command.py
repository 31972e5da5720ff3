"""`manage.py access_request` and `request_rule`: the same services, by a named user."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from governance.models import AccessRequest, RequestRule
from governance.queries import decide_read, principal_of
from tests.factories.governance import make_world

pytestmark = pytest.mark.django_db
RULE = """name: sales
applies_to: {domain: [sales]}
stages: [{by: owner}]
"""


@pytest.fixture
def world():
    return make_world()


def run(*words, command="access_request"):
    out = StringIO()
    call_command(command, *words, stdout=out)
    return out.getvalue()


def test_from_asking_to_the_grant(world):
    name = "lakewarden:curated.passengers"
    asked = run(
        "--by",
        "analyst",
        "ask",
        name,
        "--purpose",
        "delays",
        "--days",
        "7",
        "--columns",
        "origin",
        "fare",
    )
    key = asked.split()[0]
    assert asked == f"{key} pending analyst {name}\n"
    assert run("--by", "owner", "list", "--inbox") == asked
    assert run("--by", "outsider", "list") == ""
    assert run("--by", "owner", "show", key).splitlines()[1:] == [
        "  origin: all rows",
        "  fare: all rows",
    ]
    with pytest.raises(CommandError, match="that `outsider` may see"):
        run("--by", "outsider", "approve", key)
    with pytest.raises(CommandError, match="nobody decides their own request"):
        run("--by", "analyst", "approve", key)
    run("--by", "owner", "offer", key, "--columns", "origin", "--days", "2")
    assert run("--by", "analyst", "accept", key).split()[1] == "approved"
    decision = decide_read(principal_of(world.analyst), world.passengers)
    assert [rule.name for rule in decision.obligations.columns] == ["origin"]
    more = run("--by", "analyst", "extend", key, "--days", "1").split()[0]
    assert run("--by", "steward", "cancel", more, "--comment", "enough").split()[1] == "cancelled"
    assert AccessRequest.objects.count() == 2


def test_rules_are_kept_as_files(world, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(RULE)
    applied = run("apply", str(file), "--by", "steward", command="request_rule")
    assert applied == "sales: version 1 is in force\n"
    assert "by: owner" in run("export", command="request_rule")
    with pytest.raises(CommandError, match="only an administrator writes this rule"):
        run("apply", str(file), "--by", "analyst", command="request_rule")
    run("retire", "sales", "--by", "steward", command="request_rule")
    assert RequestRule.objects.get().retired_at is not None
