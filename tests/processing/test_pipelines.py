"""Who may declare and run a pipeline, and that one run holds it at a time."""

from datetime import timedelta

import pytest
from django.db import transaction

from catalog.models import Dataset, DomainSteward
from core.clock import utc_now
from core.errors import ConflictError, NotFoundError, PermissionDeniedError
from governance.models import AuditRecord, DomainUserGrant
from identity.models import ApiToken
from processing.entry_points import find_entry_point
from processing.errors import InvalidPipelineError, PipelineBusyError, PipelineDisabledError
from processing.models import PipelineRun, RunState
from processing.queries import oldest_run, visible_pipelines
from processing.services.pipelines import create_pipeline, replace_definition, switch_pipeline
from processing.services.runs import (
    MAX_ATTEMPTS,
    cancel_run,
    claim_run,
    end_run,
    renew_lease,
    sweep_runs,
    trigger_run,
)
from tests.factories.catalog import make_dataset
from tests.factories.identity import api_client, make_service, make_user
from tests.processing.conftest import grant_domain

pytestmark = pytest.mark.django_db


def definition(world, *, table: str | None = None, output: str = "out") -> dict:
    return {
        "steps": [
            {
                "name": "one",
                "sql": f"SELECT flight FROM {table or world.raw + '.flights'}",
                "output": f"{world.unique}_curated.{output}",
            }
        ]
    }


def declare(world, *, actor=None, **changes):
    values = {
        "name": world.unique,
        "domain": world.domain,
        "kind": "sql",
        "definition": definition(world),
        "run_as": world.service,
        **changes,
    }
    return create_pipeline(actor=actor or world.owner, **values)


@pytest.fixture
def pipeline(world):
    return declare(world)


def test_a_pipeline_catalogs_its_outputs(world, pipeline):
    output = Dataset.objects.get(name=f"{world.unique}_curated.out")
    assert output.domain == world.domain
    assert [each.user for each in output.owners.all()] == [world.owner]
    assert [each.name for each in pipeline.inputs.all()] == [f"{world.raw}.flights"]
    assert list(pipeline.output_datasets.all()) == [output]
    assert AuditRecord.objects.filter(action="pipeline.create").count() == 1


def test_without_manage_on_the_domain_nothing_is_declared(world):
    for actor in (world.actors.team_mate, world.actors.outsider):
        service = make_service(responsible=actor)
        with pytest.raises((PermissionDeniedError, InvalidPipelineError)):
            declare(world, actor=actor, run_as=service)
    assert not Dataset.objects.filter(name=f"{world.unique}_curated.out").exists()


def test_a_hidden_input_is_one_that_does_not_exist(world):
    make_dataset(f"{world.unique}.hidden", owners=[world.actors.outsider])
    messages = []
    for table in ("hidden", "missing"):
        with pytest.raises(InvalidPipelineError) as caught:
            declare(world, definition=definition(world, table=f"{world.unique}.{table}"))
        messages.append(caught.value.message.replace(table, "?"))
    assert messages[0] == messages[1]


def test_run_as_is_a_service_account_that_the_owner_answers_for(world):
    stranger = make_service(responsible=world.actors.outsider)
    for runner in (stranger, world.actors.team_mate, world.owner, None):
        with pytest.raises(PermissionDeniedError, match="answer for"):
            declare(world, run_as=runner)


def test_run_as_must_read_all_rows_and_columns(world):
    DomainUserGrant.objects.filter(user=world.service, permission__codename="read_domain").update(
        row_filter="delay > 0"
    )
    with pytest.raises(PermissionDeniedError, match="without restriction"):
        declare(world)


def test_run_as_must_write_the_outputs(world):
    DomainUserGrant.objects.filter(user=world.service, permission__codename="write_domain").delete()
    with pytest.raises(PermissionDeniedError, match="may not write"):
        declare(world)


def test_a_name_is_taken_once(world, pipeline):
    with pytest.raises(ConflictError), transaction.atomic():
        declare(world)


def test_only_installed_entry_points_are_known():
    assert find_entry_point("keep_latest") == "processing.spark.transforms:keep_latest"
    for name in ("os:system", "builtins", "", "processing.spark.transforms:keep_latest"):
        with pytest.raises(InvalidPipelineError):
            find_entry_point(name)


def test_only_who_manages_the_outputs_runs_changes_or_cancels(world, pipeline):
    run = trigger_run(pipeline, actor=world.owner)
    for actor in (world.actors.team_mate, world.actors.outsider):
        with pytest.raises(NotFoundError):
            trigger_run(pipeline, actor=actor)
        with pytest.raises(NotFoundError):
            cancel_run(run, actor=actor)
        with pytest.raises(NotFoundError):
            replace_definition(pipeline, actor=actor, definition=definition(world))
        assert not visible_pipelines(actor).exists()
    assert visible_pipelines(world.owner).get() == pipeline


def test_one_run_at_a_time(world, pipeline):
    run = trigger_run(pipeline, actor=world.owner)
    with pytest.raises(PipelineBusyError), transaction.atomic():
        trigger_run(pipeline, actor=world.owner)
    cancel_run(run, actor=world.owner)
    assert trigger_run(pipeline, actor=world.owner).state == RunState.QUEUED


def test_a_disabled_pipeline_does_not_run(world, pipeline):
    switch_pipeline(pipeline, actor=world.owner, enabled=False)
    with pytest.raises(PipelineDisabledError):
        trigger_run(pipeline, actor=world.owner)


def lose(run) -> None:
    past = utc_now() - timedelta(minutes=5)
    PipelineRun.objects.filter(pk=run.pk).update(lease_expires_at=past, enqueued_at=past)


def test_a_lost_run_is_taken_over_and_its_former_worker_is_fenced_off(world, pipeline):
    run = trigger_run(pipeline, actor=world.owner)
    first, first_token = claim_run(run.uuid)
    assert claim_run(run.uuid) is None
    lose(run)
    second, second_token = claim_run(run.uuid)
    assert (first.fencing_token, second.fencing_token, second.attempts) == (1, 2, 2)
    assert first_token != second_token
    usable = ApiToken.objects.usable(utc_now()).filter(name=f"run {run.uuid}")
    assert list(usable) == [second.api_token]
    assert (renew_lease(first), renew_lease(second)) == (False, True)
    assert end_run(first, state=RunState.SUCCEEDED, metrics={}, log_tail="") is False
    assert end_run(second, state=RunState.SUCCEEDED, metrics={}, log_tail="") is True
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert not ApiToken.objects.usable(utc_now()).filter(name=f"run {run.uuid}").exists()


def test_a_cancelled_run_is_not_renewed_and_its_token_is_dead(world, pipeline):
    run = trigger_run(pipeline, actor=world.owner)
    claimed, _ = claim_run(run.uuid)
    run.refresh_from_db()
    cancel_run(run, actor=world.owner)
    assert renew_lease(claimed) is False
    assert not ApiToken.objects.usable(utc_now()).filter(name=f"run {run.uuid}").exists()


def test_the_sweep_queues_lost_runs_again_and_gives_up_after_three(world, pipeline):
    run = trigger_run(pipeline, actor=world.owner)
    claim_run(run.uuid)
    assert sweep_runs() == {"started": 0, "requeued": 0, "failed": 0}
    lose(run)
    assert sweep_runs() == {"started": 0, "requeued": 1, "failed": 0}
    PipelineRun.objects.filter(pk=run.pk).update(attempts=MAX_ATTEMPTS)
    lose(run)
    assert sweep_runs() == {"started": 0, "requeued": 0, "failed": 1}
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.FAILED, "the worker was lost 3 times")


def test_the_sweep_starts_what_is_due_once(world):
    scheduled = declare(world, interval=timedelta(hours=1))
    assert sweep_runs()["started"] == 1
    assert sweep_runs()["started"] == 0
    scheduled.refresh_from_db()
    assert scheduled.next_run_at > utc_now() + timedelta(minutes=59)
    assert scheduled.runs.get().requested_by is None


def test_the_api_declares_lists_and_runs(world):
    client = api_client(world.owner)
    body = {
        "name": world.unique,
        "domain": world.domain.slug,
        "definition": definition(world),
        "run_as": world.service.username,
    }
    made = client.post("/api/v1/processing/pipelines", body, content_type="application/json")
    assert made.status_code == 201, made.content
    uuid = made.json()["uuid"]
    assert made.json()["outputs"] == [f"{world.unique}_curated.out"]
    listed = client.get("/api/v1/processing/pipelines").json()["items"]
    assert [each["uuid"] for each in listed] == [uuid]
    run = client.post(f"/api/v1/processing/pipelines/{uuid}/runs")
    assert (run.status_code, run.json()["state"]) == (202, "queued")
    again = client.post(f"/api/v1/processing/pipelines/{uuid}/runs")
    assert (again.status_code, again.json()["code"]) == (409, "pipeline-busy")
    detail = client.get(f"/api/v1/processing/runs/{run.json()['uuid']}").json()
    assert (detail["state"], detail["requested_by"]) == ("queued", world.owner.username)
    for actor in (world.actors.team_mate, world.actors.outsider):
        other = api_client(actor)
        assert other.get("/api/v1/processing/pipelines").json()["items"] == []
        assert other.get(f"/api/v1/processing/pipelines/{uuid}").status_code == 404
        assert other.post(f"/api/v1/processing/pipelines/{uuid}/runs").status_code == 404
        assert other.get(f"/api/v1/processing/runs/{run.json()['uuid']}").status_code == 404


def test_the_api_names_the_place_of_a_fault(world):
    body = {
        "name": world.unique,
        "domain": world.domain.slug,
        "definition": {"steps": [{"name": "one", "sql": "DROP TABLE x", "output": "a.b"}]},
        "run_as": world.service.username,
    }
    answer = api_client(world.owner).post(
        "/api/v1/processing/pipelines", body, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/steps/0/sql")


def shown_to(world, pipeline) -> dict[str, bool]:
    """Who of the author, the domain's steward, a team-mate with rights on the domain, and an outsider sees it."""
    steward = make_user(f"steward-{world.unique}")
    DomainSteward.objects.get_or_create(domain=pipeline.domain, user=steward)
    grant_domain(world.actors.team_mate, pipeline.domain, "read")
    people = {
        "author": pipeline.owner,
        "steward": steward,
        "team-mate": world.actors.team_mate,
        "outsider": world.actors.outsider,
    }
    return {
        who: visible_pipelines(user).filter(pk=pipeline.pk).exists() for who, user in people.items()
    }


def test_a_pipeline_is_vouched_for_by_its_datasets(world, pipeline):
    assert shown_to(world, pipeline) == {
        "author": True,
        "steward": True,
        "team-mate": True,
        "outsider": False,
    }


@pytest.mark.parametrize("lost", ["inputs", "output_datasets"])
def test_a_pipeline_without_datasets_is_hidden_from_all_but_its_author_and_steward(
    world, pipeline, lost
):
    getattr(pipeline, lost).clear()
    assert shown_to(world, pipeline) == {
        "author": True,
        "steward": True,
        "team-mate": False,
        "outsider": False,
    }
    assert visible_pipelines(make_user(is_superuser=True)).get() == pipeline


def test_a_pipeline_that_reads_nothing_is_vouched_for_by_its_outputs(world):
    given = definition(world)
    given["steps"][0]["sql"] = "SELECT 1 AS flight"
    pipeline = declare(world, definition=given)
    shown = shown_to(world, pipeline)
    assert (shown["team-mate"], shown["outsider"]) == (True, False)


def test_without_outputs_only_the_domains_administrators_steer(world, pipeline):
    pipeline.output_datasets.clear()
    for actor in (world.actors.team_mate, world.actors.outsider):
        with pytest.raises((NotFoundError, PermissionDeniedError)):
            trigger_run(pipeline, actor=actor)
    assert trigger_run(pipeline, actor=world.owner).state == RunState.QUEUED


def test_the_oldest_run_holds_back_the_sweep_of_orphans(world, pipeline):
    assert oldest_run() is None
    run = trigger_run(pipeline, actor=world.owner)
    assert oldest_run() is None
    claimed, _ = claim_run(run.uuid)
    assert oldest_run() == claimed.started_at
    end_run(claimed, state=RunState.FAILED, metrics={}, log_tail="")
    assert oldest_run() is None
