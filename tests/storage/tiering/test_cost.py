"""The cost model against sums done by hand, and against a slow one that counts days."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.tiering.cost import (
    MonthlyCost,
    StoredBytes,
    TierPrice,
    early_deletion_cost,
    monthly_cost,
    move_cost,
    plan_cost,
)

GIB = 1 << 30
HOT = TierPrice(name="hot", keep=Decimal("0.023"), read=Decimal(0), move=Decimal("0.000005"))
COLD = TierPrice(
    name="cold",
    keep=Decimal("0.0125"),
    read=Decimal("0.01"),
    move=Decimal("0.00001"),
    minimum_days=30,
)
PRICES = {"hot": HOT, "cold": COLD}


def test_a_month_of_keeping_and_reading():
    item = StoredBytes(size=10 * GIB, tier="cold", reads_a_month=Decimal("0.5"))
    assert monthly_cost(item, COLD) == MonthlyCost(keep=Decimal("0.125"), read=Decimal("0.05"))
    assert monthly_cost(item, COLD).total == Decimal("0.175")


@pytest.mark.parametrize(
    ("held_days", "cost"), [("0", "0.0125"), ("15", "0.00625"), ("30", "0"), ("400", "0")]
)
def test_leaving_early_pays_the_rest(held_days, cost):
    item = StoredBytes(size=GIB, tier="cold", held_days=Decimal(held_days))
    assert early_deletion_cost(item, COLD) == Decimal(cost)


def test_a_move_pays_reading_the_request_and_leaving_early():
    item = StoredBytes(size=2 * GIB, tier="cold", held_days=Decimal(15))
    expected = Decimal("0.02") + Decimal("0.000005") + Decimal("0.0125")
    assert move_cost(item, source=COLD, target=HOT) == expected


def test_a_plan_before_and_after():
    stays = StoredBytes(size=GIB, tier="hot")
    goes = StoredBytes(size=100 * GIB, tier="hot")
    cost = plan_cost([(stays, "hot"), (goes, "cold")], PRICES)
    assert cost.before.total == Decimal("2.323")
    assert cost.after.total == Decimal("1.273")
    assert cost.once == Decimal("0.00001")
    assert cost.saved_a_month == Decimal("1.050")
    assert cost.months_to_break_even == Decimal("0.00001") / Decimal("1.050")


def test_a_plan_that_never_pays_has_no_break_even():
    item = StoredBytes(size=GIB, tier="hot", reads_a_month=Decimal(10))
    cost = plan_cost([(item, "cold")], PRICES)
    assert cost.saved_a_month < 0
    assert cost.months_to_break_even is None


def test_a_tier_without_price_is_an_error():
    with pytest.raises(KeyError):
        plan_cost([(StoredBytes(size=1, tier="hot"), "lost")], PRICES)


items = st.builds(
    StoredBytes,
    size=st.integers(0, 1 << 45),
    tier=st.sampled_from(sorted(PRICES)),
    held_days=st.integers(0, 60).map(Decimal),
    reads_a_month=st.integers(0, 40).map(Decimal),
)


def reference_dollars(item: StoredBytes, target: str, *, months: int) -> float:
    """What a customer is billed, day by day and read by read, if the move is today."""
    gib, source, end = item.size / GIB, PRICES[item.tier], PRICES[target]
    bill = 0.0
    if target != item.tier:
        bill += gib * float(source.read) + float(end.move)
        for _ in range(int(item.held_days), source.minimum_days):
            bill += gib * float(source.keep) / 30
    for _ in range(months):
        for _ in range(30):
            bill += gib * float(end.keep) / 30
        for _ in range(int(item.reads_a_month)):
            bill += gib * float(end.read)
    return bill


@given(st.lists(st.tuples(items, st.sampled_from(sorted(PRICES))), max_size=5), st.integers(0, 3))
def test_the_model_is_the_bill(plan, months):
    cost = plan_cost(plan, PRICES)
    stay = sum(reference_dollars(item, item.tier, months=months) for item, _ in plan)
    move = sum(reference_dollars(item, target, months=months) for item, target in plan)
    assert float(cost.before.total * months) == pytest.approx(stay, rel=1e-9, abs=1e-9)
    assert float(cost.after.total * months + cost.once) == pytest.approx(move, rel=1e-9, abs=1e-9)
