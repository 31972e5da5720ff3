"""The edge log tells each opening and closing of an edge, whoever writes it."""

import pytest

from catalog.models import DatasetEdge, EdgeLog
from catalog.models.lineage import EdgeKind
from catalog.services.openlineage import record_event
from core.clock import utc_now
from tests.catalog.world import dataset, run_event

pytestmark = pytest.mark.django_db


def logged(kind: EdgeKind) -> list[tuple[bool, int, int]]:
    return list(EdgeLog.objects.filter(kind=kind).values_list("opened", "left_id", "right_id"))


def test_opening_and_closing_are_logged_in_order() -> None:
    event = run_event(
        run="0190f5a0-0000-7000-8000-000000000001",
        at="2026-11-01T00:00:00Z",
        inputs=[dataset("a")],
        outputs=[dataset("b")],
    )
    record_event(event=event, sender=None)
    edge = DatasetEdge.objects.get(direction="input")
    opened = logged(EdgeKind.DATASET)
    assert opened.count((True, edge.dataset_id, edge.job_id)) == 1
    assert len(opened) == 2
    edge.valid_to = utc_now()
    edge.save()
    assert logged(EdgeKind.DATASET)[2:] == [(False, edge.dataset_id, edge.job_id)]
    edge.origin = "parsed"
    edge.save()
    edge.delete()
    assert len(logged(EdgeKind.DATASET)) == 3
    DatasetEdge.objects.all().delete()
    assert [row[0] for row in logged(EdgeKind.DATASET)] == [True, True, False, False]
