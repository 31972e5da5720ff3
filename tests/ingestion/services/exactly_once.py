"""What holds of a landed topic, whoever was killed on the way: every record once, as a row or a dead letter."""

import numpy as np

from ingestion.models import LandingBatch, Source
from tests.ingestion.conftest import read_table, record

PARTITIONS = 3


def values(total: int, *, broken_every: int):
    """Records by their number; every `broken_every`-th is no JSON."""
    return (b"broken %d" % i if i % broken_every == 0 else record(i) for i in range(total))


def landed_so_far(source: Source) -> int:
    return sum(source.offsets.values_list("next_offset", flat=True))


def ends(total: int) -> dict[int, int]:
    return {part: len(range(part, total, PARTITIONS)) for part in range(PARTITIONS)}


def assert_landed_once(source: Source, *, total: int, broken_every: int) -> None:
    rows = read_table(source.identifier)
    letters = read_table(source.dead_letter_identifier)
    broken = list(range(0, total, broken_every))
    assert (rows.num_rows, letters.num_rows) == (total - len(broken), len(broken))
    numbers = np.sort(rows["id"].to_numpy())
    assert np.array_equal(numbers, np.setdiff1d(np.arange(total), np.array(broken)))
    assert sorted(letters["original"].to_pylist()) == sorted(b"broken %d" % i for i in broken)
    assert _covered(rows, letters) == {part: list(range(end)) for part, end in ends(total).items()}
    assert dict(source.offsets.values_list("partition", "next_offset")) == ends(total)
    _assert_batches_follow_each_other(source, total=total)


def _covered(rows, letters) -> dict[int, list[int]]:
    """Every offset of every partition, in order, from the rows and the dead letters together."""
    partition = np.concatenate(
        [rows["kafka_partition"].to_numpy(), letters["partition"].to_numpy()]
    )
    offset = np.concatenate([rows["kafka_offset"].to_numpy(), letters["position"].to_numpy()])
    return {part: np.sort(offset[partition == part]).tolist() for part in range(PARTITIONS)}


def _assert_batches_follow_each_other(source: Source, *, total: int) -> None:
    place: dict[str, int] = {}
    batches = LandingBatch.objects.filter(source=source).order_by("pk")
    for batch in batches:
        for part, start in batch.from_offsets.items():
            assert place.get(part, 0) == start
            place[part] = batch.to_offsets[part]
    assert sum(each.landed + each.rejected for each in batches) == total
