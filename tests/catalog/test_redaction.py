"""An event without what it tells of datasets that it does not list."""

from catalog.lineage.redaction import without_foreign_columns
from tests.catalog.world import dataset, run_event

DIRECT = ("DIRECT", "IDENTITY", False)


def event(source: str) -> dict:
    return run_event(
        run="r",
        at="2026-01-01T00:00:00Z",
        inputs=[dataset("a", fields=["x"])],
        outputs=[dataset("b", columns={"y": [(source, "x", *DIRECT)]})],
    )


def test_own_columns_stay():
    assert without_foreign_columns(event("a")) == event("a")


def test_foreign_columns_go():
    found = without_foreign_columns(event("elsewhere"))
    facet = found["outputs"][0]["facets"]["columnLineage"]
    assert facet == {"fields": {"y": {"inputFields": []}}}
    assert event("elsewhere") != found


def test_foreign_datasets_go_and_odd_shapes_do_not_fail():
    told = event("a")
    facet = told["outputs"][0]["facets"]["columnLineage"]
    facet["dataset"] = [{"namespace": "db", "name": name, "field": "x"} for name in ("a", "z")]
    found = without_foreign_columns(told)["outputs"][0]["facets"]["columnLineage"]["dataset"]
    assert [each["name"] for each in found] == ["a"]
    for odd in (
        7,
        "x",
        [],
        {"fields": 7},
        {"fields": {"y": 7}},
        {"fields": {"y": {"inputFields": 7}}},
    ):
        told["outputs"][0]["facets"]["columnLineage"] = odd
        without_foreign_columns({**told, "inputs": [7, "x"]})
    assert without_foreign_columns({"inputs": 7}) == {"inputs": 7}
