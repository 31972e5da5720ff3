"""The statement against a slow reference: cells by rectangles, masks by `governance.policy.masks`, then the condition."""

from datetime import UTC, datetime

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.policy import decide
from governance.policy.masks import Mask, apply
from governance.policy.types import (
    Action,
    Facts,
    FieldInfo,
    Grant,
    MaskColumns,
    Policy,
    Principal,
    Resource,
    Scope,
    Subject,
    Target,
)
from query.statement import apply_late_masks, read_wishes, write_statement

NAMES = ("id", "text", "region")
TYPES = {"id": "long", "text": "string", "region": "string"}
RESOURCE = Resource(
    id=1,
    namespace="lakewarden",
    name="t",
    kind="table",
    fields=tuple(FieldInfo(id=n, name=name, type=TYPES[name]) for n, name in enumerate(NAMES)),
)
PRINCIPAL = Principal(id=7, username="ann")
REGIONS = ("a", "b", None)
ROWS = st.lists(
    st.tuples(
        st.integers(-9, 9),
        st.one_of(st.none(), st.text("a1@é-", max_size=7)),
        st.sampled_from(REGIONS),
    ),
    max_size=8,
)
RECTANGLES = st.lists(
    st.tuples(
        st.sampled_from([None, "a", "b"]),
        st.one_of(st.none(), st.frozensets(st.sampled_from(NAMES), min_size=1)),
    ),
    min_size=1,
    max_size=3,
)
TEXT_MASKS = st.sampled_from(
    [None, Mask.MASK_ALPHANUM, Mask.SHOW_LAST_4, Mask.REPLACE_WITH_NULL, Mask.SHA_256_GLOBAL]
)


def reference(rows, rectangles, mask, where):
    """Row by row, cell by cell."""
    opened = set().union(*(names or set(NAMES) for _, names in rectangles))
    answer = []
    for row in rows:
        cells = dict(zip(NAMES, row, strict=True))
        holding = [
            names or set(NAMES)
            for region, names in rectangles
            if region is None or cells["region"] == region
        ]
        if not holding:
            continue
        seen = set().union(*holding)
        shown = {name: cells[name] if name in seen else None for name in NAMES if name in opened}
        if "text" in shown and "text" in seen and mask is not None:
            shown["text"] = apply(mask, cells["text"], "string")
        if where is None or where(shown):
            answer.append(tuple(shown.values()))
    return sorted(answer, key=repr)


@settings(max_examples=80, deadline=None)
@given(rows=ROWS, rectangles=RECTANGLES, mask=TEXT_MASKS, probe=st.booleans())
def test_statement_equals_the_reference(rows, rectangles, mask, probe):
    grants = tuple(
        Grant(
            id=number,
            subject=Subject("user", 7),
            target=Target("dataset", 1),
            action=Action.READ,
            row_filter=None if region is None else f"region = '{region}'",
            columns=names,
        )
        for number, (region, names) in enumerate(rectangles)
    )
    policies = (
        ()
        if mask is None
        else (
            Policy(
                id=1, name="m", version=1, scope=Scope(fields=("text",)), effect=MaskColumns(mask)
            ),
        )
    )
    facts = Facts(now=datetime(2026, 1, 1, tzinfo=UTC), grants=grants, policies=policies)
    obligations = decide(PRINCIPAL, Action.READ, RESOURCE, facts).obligations
    can_probe = probe and any(rule.name == "text" for rule in obligations.columns)
    wishes = read_wishes(
        obligations, columns=None, where="text LIKE '%a%'" if can_probe else None, limit=None
    )
    source = pa.table(
        {
            name: pa.array([row[n] for row in rows], kind)
            for n, (name, kind) in enumerate(
                zip(NAMES, (pa.int64(), pa.string(), pa.string()), strict=True)
            )
        }
    )
    with duckdb.connect() as connection:
        connection.register("source", source)
        statement = write_statement("source", obligations, wishes, salt=b"s" * 32)
        engine_answer = connection.execute(statement.sql).to_arrow_table()
    batches = [apply_late_masks(statement, batch) for batch in engine_answer.to_batches()]
    found = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    where = (
        (lambda shown: shown["text"] is not None and "a" in shown["text"]) if can_probe else None
    )
    assert sorted(found, key=repr) == reference(rows, rectangles, mask, where)
