"""A source that cannot be landed says so, is tried less and less often, and forgets it after a success."""

from dataclasses import replace
from datetime import timedelta

import pytest

from catalog.services.datasets import add_owner
from config import celery_app
from core.clock import utc_now
from governance.facts import principal_of
from governance.models import AuditRecord
from governance.policy.types import Action
from ingestion import tasks
from ingestion.errors import PathNotAllowedError
from ingestion.models import Source
from ingestion.services import failures as failures_service
from ingestion.services.failures import record_failure, wait_after
from ingestion.services.kafka_landing import lease_name
from ingestion.services.landing import land
from ingestion.services.leases import release_lease, take_lease
from ingestion.services.sources import LAND_TASK, set_enabled
from tests.factories.governance import make_grant
from tests.factories.identity import api_client, make_actors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def inbox(tmp_path, settings):
    folder = tmp_path / "inbox"
    folder.mkdir()
    settings.LAKEWARDEN = replace(settings.LAKEWARDEN, ingest_roots=(tmp_path,))
    return folder


@pytest.fixture
def source(inbox, make_source) -> Source:
    """A folder with one file that can be landed."""
    (inbox / "a.csv").write_text("id\n1\n")
    return make_source("files", format="csv", config={"path": str(inbox)})


@pytest.fixture
def broken(source, settings) -> Source:
    """The folder is no longer among those that sources may read."""
    settings.LAKEWARDEN = replace(settings.LAKEWARDEN, ingest_roots=())
    return source


@pytest.fixture
def sent(monkeypatch):
    """What was enqueued; nothing reaches a broker."""
    celery_app.finalize(auto=True)
    found = []
    monkeypatch.setattr(
        celery_app, "send_task", lambda name, **given: found.append((name, given["kwargs"]))
    )
    return found


def swept(sent_names: list) -> list[int]:
    return [ids["source_id"] for name, ids in sent_names if name == LAND_TASK]


def audited(source) -> list[str]:
    rows = AuditRecord.objects.filter(resource=f"source:{source.name}").order_by("pk")
    return [row.action for row in rows if row.action in {"source.fail", "source.recover"}]


def test_waits_double_up_to_an_hour():
    waits = [wait_after(failures).total_seconds() for failures in range(1, 11)]
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert wait_after(10_000_000) == timedelta(hours=1)


def test_a_failing_source_does_not_fail_its_task_and_remembers_why(broken, inbox):
    before = utc_now()
    for _ in range(3):
        tasks.land_source(source_id=broken.pk)
    broken.refresh_from_db()
    assert (broken.failures, broken.last_error_code) == (3, "path-not-allowed")
    assert broken.last_error == f"`{inbox}` is not below a folder that sources may read"
    assert broken.last_error_at >= before
    assert broken.retry_at - broken.last_error_at == timedelta(seconds=60)
    assert audited(broken) == ["source.fail"]


def test_the_sweep_waits_and_a_success_clears(broken, sent, settings, inbox, monkeypatch):
    tasks.land_source(source_id=broken.pk)
    tasks.sweep_sources()
    assert swept(sent) == []
    later = utc_now() + timedelta(seconds=16)
    monkeypatch.setattr(tasks, "utc_now", lambda: later)
    tasks.sweep_sources()
    assert swept(sent) == [broken.pk]
    settings.LAKEWARDEN = replace(settings.LAKEWARDEN, ingest_roots=(inbox.parent,))
    tasks.land_source(source_id=broken.pk)
    broken.refresh_from_db()
    assert (broken.failures, broken.last_error, broken.last_error_code) == (0, "", "")
    assert (broken.last_error_at, broken.retry_at) == (None, None)
    assert audited(broken) == ["source.fail", "source.recover"]


def test_switching_it_lets_the_next_sweep_try(broken, sent, steward):
    tasks.land_source(source_id=broken.pk)
    broken.refresh_from_db()
    set_enabled(broken, enabled=True, principal=principal_of(steward))
    tasks.sweep_sources()
    assert swept(sent) == [broken.pk]


def test_the_text_of_a_foreign_error_is_not_kept(source):
    record_failure(source, ValueError("s3://key:SECRET@store"))
    source.refresh_from_db()
    assert (source.last_error_code, source.last_error) == (
        "internal",
        "an error inside the service (`ValueError`); its log has it",
    )


def test_a_long_message_is_cut(source):
    record_failure(source, PathNotAllowedError("x" * 2000))
    source.refresh_from_db()
    assert source.last_error == "x" * failures_service.MAX_ERROR


def test_a_source_that_another_task_lands_has_not_failed(source):
    lease = take_lease(lease_name(source), seconds=30)
    tasks.land_source(source_id=source.pk)
    source.refresh_from_db()
    assert source.failures == 0
    release_lease(lease)


@pytest.mark.kafka
def test_an_unknown_topic_is_told(make_source, unique):
    source = make_source(config={"topic": f"{unique}-none"})
    tasks.land_source(source_id=source.pk)
    source.refresh_from_db()
    assert (source.failures, source.last_error_code) == (1, "kafka-unavailable")


def test_who_sees_the_error(source, steward):
    """The owner of what it lands in reads why; who may view its metadata reads that; an outsider nothing."""
    land(source)
    source.refresh_from_db()
    actors = make_actors()
    add_owner(source.dataset, owner=actors.owner)
    make_grant(actors.team_mate, source.dataset, Action.VIEW_METADATA)
    record_failure(source, PathNotAllowedError("`secret.csv` cannot be opened"))

    def shown(user):
        answer = api_client(user).get(f"/api/v1/ingestion/sources/{source.name}")
        body = answer.json()
        return answer.status_code, body.get("failures"), body.get("last_error")

    assert shown(actors.owner) == (200, 1, "`secret.csv` cannot be opened")
    assert shown(actors.team_mate) == (200, 1, None)
    assert shown(actors.outsider) == (404, None, None)
    listed = api_client(actors.team_mate).get("/api/v1/ingestion/sources").json()
    assert "secret" not in str(listed)
