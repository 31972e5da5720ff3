"""Whatever the order, and however often events come: the same catalog."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from catalog.models import Dataset, DatasetVersion
from catalog.services.openlineage import record_event
from tests.catalog.generated import make_events
from tests.catalog.world import dataset, open_edges, open_field_edges, run_event, state

pytestmark = pytest.mark.django_db

R1, R2, R3 = (f"0198a3b1-7c1e-7d32-9a30-00000000000{n}" for n in (1, 2, 3))
DIRECT = ("DIRECT", "IDENTITY", False)

EVENTS = [
    run_event(
        run=R1,
        at="2026-01-01T10:00:00Z",
        kind="START",
        inputs=[dataset("a", fields=["x", "y"])],
        job_facets={"sql": {"query": "insert into b select x from a"}},
    ),
    run_event(
        run=R1,
        at="2026-01-01T10:05:00Z",
        inputs=[dataset("a", fields=["x", "y"])],
        outputs=[dataset("b", fields=["p"], columns={"p": [("a", "x", *DIRECT)]})],
        run_facets={"nominalTime": {"nominalStartTime": "2026-01-01T00:00:00Z"}},
    ),
    run_event(
        run=R2,
        at="2026-01-01T11:00:00Z",
        kind="START",
        inputs=[dataset("a", fields=["x"])],
        outputs=[dataset("b", fields=["p", "q"], columns={"p": [("a", "y", *DIRECT)]})],
    ),
    run_event(run=R2, at="2026-01-01T11:02:00Z", kind="RUNNING", inputs=[dataset("c")]),
    run_event(
        run=R2,
        at="2026-01-01T11:05:00Z",
        outputs=[
            dataset("b", fields=["p", "q"], columns={"q": [("c", "z", "INDIRECT", "JOIN", True)]})
        ],
        job_facets={"jobType": {"processingType": "BATCH", "jobType": "QUERY"}},
    ),
    run_event(
        run=R3, at="2026-01-01T12:00:00Z", kind="FAIL", outputs=[dataset("never", fields=["n"])]
    ),
    run_event(run=R3, at="2026-01-01T12:00:01Z", kind="COMPLETE", outputs=[dataset("d")]),
    run_event(
        run="not a uuid",
        job="other",
        at="2026-01-01T13:00:00",
        inputs=[dataset("/wh/b", namespace="file", symlinks=[("db", "b")])],
        outputs=[dataset("e", documentation={"description": "the end"})],
        run_facets={"parent": {"run": {"runId": R3}, "job": {"namespace": "ns", "name": "job"}}},
    ),
    run_event(
        run="drop",
        job="dropper",
        at="2026-01-01T14:00:00Z",
        outputs=[dataset("e", lifecycleStateChange={"lifecycleStateChange": "DROP"})],
    ),
]


def _record(events) -> dict:
    """The state after these events, undone afterwards."""
    with transaction.atomic():
        for event in events:
            record_event(event=event, sender=None)
        found = state()
        transaction.set_rollback(True)
    return found


def test_in_order_leaves_what_the_events_tell() -> None:
    for event in EVENTS:
        record_event(event=event, sender=None)
    b = "dataset:db:b"
    assert open_edges() == sorted(
        [
            ("dataset:db:a", "job:ns:job"),
            ("dataset:db:c", "job:ns:job"),
            ("job:ns:job", b),
            (b, "job:ns:other"),
            ("job:ns:other", "dataset:db:e"),
            ("job:ns:dropper", "dataset:db:e"),
        ]
    )
    assert open_field_edges() == [("c.z", "b.q", "job", "INDIRECT", "JOIN", True)]
    runs = {row[0]: row[2] for row in state()["runs"]}
    assert (runs[R1], runs[R2], runs[R3]) == ("COMPLETED", "COMPLETED", "FAILED")
    by_name = {row[0]: row for row in state()["datasets"]}
    assert by_name["dataset:db:e"][3] is True
    assert by_name["dataset:db:e"][2] == "the end"


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(data=st.data())
def test_any_order_and_repetition_leave_the_same(data) -> None:
    repeated = data.draw(st.lists(st.sampled_from(EVENTS), max_size=4))
    shuffled = data.draw(st.permutations([*EVENTS, *repeated]))
    assert _record(shuffled) == _record(EVENTS)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@example(seed=9, order=[3, 2, 1, 0])
@example(seed=31, order=[1, 2, 0, 3])
@example(seed=122, order=[1, 2, 3, 0])
@given(seed=st.integers(0, 10_000), order=st.permutations(range(4)))
def test_whatever_events(seed, order) -> None:
    events = make_events(seed)
    assert _record([events[place] for place in order]) == _record(events)


VERSIONS = [
    run_event(run=R1, at="2026-01-01T10:00:00Z", kind="START", outputs=[dataset("v", fields="x")]),
    run_event(run=R1, at="2026-01-01T10:05:00Z"),
    run_event(run=R2, at="2026-01-01T11:05:00Z", outputs=[dataset("v", fields="xy")]),
    run_event(run=R2, at="2026-01-01T11:06:00Z", kind="FAIL"),
    run_event(run=R3, at="2026-01-01T09:05:00Z", outputs=[dataset("v", fields="x")]),
    run_event(run=R3, at="2026-01-01T12:05:00Z", inputs=[dataset("v", fields="xyz")]),
]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (2, 1, 0, 3, 5, 4)])
def test_a_version_is_of_a_run_that_completed(order) -> None:
    for place in order:
        record_event(event=VERSIONS[place], sender=None)
    version = DatasetVersion.objects.get()
    assert [each["name"] for each in version.schema] == ["x"]
    assert Dataset.objects.get().current_version == version


def test_a_version_that_another_run_told_too_stays_and_is_that_runs() -> None:
    for place in (2, 0, 1):
        record_event(event=VERSIONS[place], sender=None)
    same = run_event(run=R3, at="2026-01-01T13:00:00Z", outputs=[dataset("v", fields="xy")])
    record_event(event=same, sender=None)
    record_event(event=VERSIONS[3], sender=None)
    rows = DatasetVersion.objects.order_by("created_at").values_list("run_id", flat=True)
    assert [str(run_id) for run_id in rows] == [R1, R3]
    assert str(Dataset.objects.get().current_version.run_id) == R3


def test_words_about_a_dataset_are_no_version_of_it() -> None:
    record_event(
        event=run_event(run=R1, at="2026-01-01T10:00:00Z", inputs=[dataset("v", fields="x")]),
        sender=None,
    )
    told = dataset("v", documentation={"description": "d"})
    record_event(event={"eventTime": "2026-01-01T11:00:00Z", "dataset": told}, sender=None)
    assert Dataset.objects.get().description == "d"
    assert not DatasetVersion.objects.exists()
