"""Edges that are left alone are those that would follow anew (`standing`), whatever runs come in whatever batches."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from catalog.lineage.events import parse_event
from catalog.models import DatasetEdge, Job
from catalog.services.openlineage import edges, record_events
from catalog.services.openlineage.edges import defining_uses
from tests.catalog.world import dataset, run_event

pytestmark = pytest.mark.django_db

KINDS = ("START", "RUNNING", "COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "ABORT", "OTHER")
USES = ((), ("a",), ("a",), ("a", "b"))


@st.composite
def events(draw):
    run, minute = draw(st.integers(0, 5)), draw(st.integers(0, 40))
    return run_event(
        run=f"0198a3b1-7c1e-7d32-9a30-{run:012d}",
        job=draw(st.sampled_from(("one", "one", "one", "two"))),
        at=f"2026-01-01T10:{minute:02d}:00Z",
        kind=draw(st.sampled_from(KINDS)),
        inputs=[dataset(name) for name in draw(st.sampled_from(USES))],
        outputs=[dataset("out")] if draw(st.booleans()) else [],
    )


def in_force():
    return set(
        DatasetEdge.objects.filter(valid_to=None).values_list("job_id", "dataset_id", "direction")
    )


def as_they_follow():
    found = defining_uses(list(Job.objects.values_list("pk", flat=True)))
    return {
        (job_id, use.dataset_id, use.direction) for job_id, uses in found.items() for use in uses
    }


@pytest.mark.parametrize("in_progress", [2, 20])
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(batches=st.lists(st.lists(events(), min_size=1, max_size=4), min_size=1, max_size=12))
def test_edges_are_what_follows_after_every_batch(in_progress, batches, monkeypatch_few) -> None:
    monkeypatch_few(in_progress)
    with transaction.atomic():
        for batch in batches:
            outcomes = record_events([(parse_event(event), None) for event in batch])
            assert outcomes == [None] * len(batch)
            assert in_force() == as_they_follow()
        transaction.set_rollback(True)


@pytest.fixture
def monkeypatch_few(monkeypatch):
    """Few runs in progress count, so that the newest push others out."""
    text = edges.DEFINING_USES

    def few(count):
        assert text.count("LIMIT 20") == 1
        monkeypatch.setattr(edges, "DEFINING_USES", text.replace("LIMIT 20", f"LIMIT {count}"))

    return few
