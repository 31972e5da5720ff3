"""Absences and delegations from the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from governance.models import Delegation, DomainUserGrant
from tests.governance.request_world import World

pytestmark = pytest.mark.django_db


def run(*words, by="steward"):
    out = StringIO()
    call_command("delegation", "--by", by, *words, stdout=out)
    return out.getvalue().strip()


def test_a_delegation_is_made_listed_and_ended():
    world = World()
    line = run("create", "--to", "outsider", "--days", "3", "--domain", "sales")
    uuid = line.split()[0]
    assert line.endswith("outsider for steward")
    assert DomainUserGrant.objects.get().user == world.users["outsider"]
    assert run("list", "--active") == run("list", by="outsider") == run("list", by="root") == line
    assert run("list", by="second") == ""
    with pytest.raises(CommandError, match="no such delegation"):
        run("end", uuid, by="second")
    with pytest.raises(CommandError, match="no such delegation"):
        # who stands in sees it, and does not end it
        run("end", uuid, by="outsider")
    assert run("end", uuid).startswith(uuid)
    assert (run("list", "--active"), DomainUserGrant.objects.count()) == ("", 0)
    with pytest.raises(CommandError, match="over already"):
        run("end", uuid)


def test_an_absence_begins_later_and_is_noted_by_administrators_for_others():
    World()
    with pytest.raises(CommandError, match="name their own delegate"):
        run("create", "--person", "owner", "--days", "2")
    run("create", "--person", "owner", "--days", "2", "--in-days", "1", by="root")
    row = Delegation.objects.get()
    assert (str(row), run("list", "--active", by="root")) == ("nobody for owner", "")
    for words, why in (
        (("create", "--to", "nobody-here", "--days", "1"), "no user"),
        (("create", "--days", "1", "--domain", "elsewhere"), "no such domain"),
        (("create", "--days", "1", "--dataset", "a:b"), "no dataset"),
        (("end", "x"), "no such delegation"),
    ):
        with pytest.raises(CommandError, match=why):
            run(*words)
