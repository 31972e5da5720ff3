"""Every file of the corpus leaves the datasets, fields, jobs, runs, states and edges that it tells of."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from catalog.lineage.events import Event, InvalidEventError, Name, parse_event
from catalog.models import Dataset, DatasetEdge, Field, FieldEdge, Job, Run
from catalog.models.lineage import EdgeOrigin
from catalog.services.openlineage import record_events
from tests.catalog.reference import Reference
from tests.catalog.test_corpus import read_events
from tests.conftest import SHARED

pytestmark = pytest.mark.django_db

CORPUS = SHARED / "corpus"
# Without the corpus each test is one that skips.
PRODUCERS = sorted(each.name for each in CORPUS.glob("*") if each.is_dir()) or [""]


def files_of(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in {".json", ".ndjson"}
        and path.name != "manifest.json"
        and "expected-by-dataplex" not in path.parts
    )


def good_events(path: Path) -> Iterator[Event]:
    """Those that are no templates (`test_corpus` says why each other one is refused)."""
    for each in read_events(path):
        try:
            yield parse_event(each)
        except InvalidEventError:
            continue


FILES = [path for path in files_of(CORPUS) if any(good_events(path))] or [CORPUS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_file_leaves_what_it_tells(shared, path: Path) -> None:
    check(list(good_events(path)))


@pytest.mark.parametrize("producer", PRODUCERS)
def test_all_files_of_a_producer_backwards(shared, producer: str) -> None:
    events = [event for path in files_of(CORPUS / producer) for event in good_events(path)]
    check(events[::-1])


def check(events: Sequence[Event]) -> None:
    """Record the events as they come, and hold what stands against the reference."""
    assert record_events([(event, None) for event in events]) == [None] * len(events)
    expected = Reference(events)
    names = names_of_datasets()
    assert set(names.values()) == expected.datasets
    assert {Name(row.namespace, row.name) for row in Job.objects.all()} == expected.jobs
    states = {run.pk: (name_of(run.job), run.state) for run in Run.objects.select_related("job")}
    assert states == expected.states
    fields = {
        group: [
            each.name
            for each in Field.objects.present().filter(dataset=pk).order_by("ordinal", "pk")
        ]
        for pk, group in names.items()
    }
    assert {group: fields[group] for group in expected.fields} == expected.fields
    edges = DatasetEdge.objects.filter(valid_to=None).select_related("job")
    assert {
        (names[edge.dataset_id], name_of(edge.job), edge.direction) for edge in edges
    } == expected.edges
    assert declared_field_edges(names) == expected.field_edges


def name_of(job: Job) -> Name:
    return Name(job.namespace, job.name)


def names_of_datasets() -> dict[int, frozenset[Name]]:
    """Each dataset as all of its names."""
    return {
        row.pk: frozenset(
            {
                Name(row.namespace, row.name),
                *(Name(link.namespace, link.name) for link in row.symlinks.all()),
            }
        )
        for row in Dataset.objects.prefetch_related("symlinks")
    }


def declared_field_edges(names: dict[int, frozenset[Name]]) -> set[tuple]:
    return {
        (
            name_of(edge.job),
            names[edge.source.dataset_id],
            edge.source.name,
            names[edge.target.dataset_id],
            edge.target.name,
            edge.type,
            edge.subtype,
            edge.masking,
        )
        for edge in FieldEdge.objects.filter(
            valid_to=None, origin=EdgeOrigin.DECLARED
        ).select_related("source", "target", "job")
    }
