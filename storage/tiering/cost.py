"""What keeping, reading and moving bytes costs. Pure: prices and sizes in, US dollars out.

Amounts are `Decimal`, never rounded here. Prices are per GiB: cloud price lists write "GB" and count 2^30
bytes (Amazon S3 FAQ, "How am I charged for storage"). A month is 30 days, as minimum durations are told in days.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

GIB = Decimal(1 << 30)
DAYS_A_MONTH = Decimal(30)
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class TierPrice:
    """`keep` per GiB and month, `read` per GiB read, `move` per object moved in; all in US dollars."""

    name: str
    keep: Decimal
    read: Decimal
    move: Decimal = ZERO
    minimum_days: int = 0


@dataclass(frozen=True, kw_only=True)
class StoredBytes:
    """One file or object: its size in bytes, its tier, how long it has been there, how often it is read."""

    size: int
    tier: str
    held_days: Decimal = ZERO
    reads_a_month: Decimal = ZERO


@dataclass(frozen=True, kw_only=True)
class MonthlyCost:
    """What one month costs if nothing moves any more."""

    keep: Decimal = ZERO
    read: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.keep + self.read

    def __add__(self, other: "MonthlyCost") -> "MonthlyCost":
        return MonthlyCost(keep=self.keep + other.keep, read=self.read + other.read)


@dataclass(frozen=True, kw_only=True)
class PlanCost:
    """Before and after a plan, a month each, and what carrying it out costs once."""

    before: MonthlyCost
    after: MonthlyCost
    once: Decimal

    @property
    def saved_a_month(self) -> Decimal:
        return self.before.total - self.after.total

    @property
    def months_to_break_even(self) -> Decimal | None:
        """Months until the savings have paid for the move; None if they never do."""
        if self.saved_a_month <= 0:
            return None
        return self.once / self.saved_a_month


def monthly_cost(item: StoredBytes, price: TierPrice) -> MonthlyCost:
    """A month of keeping `item` at `price`, and of reading it as often as it is read."""
    gib = item.size / GIB
    return MonthlyCost(keep=gib * price.keep, read=gib * price.read * item.reads_a_month)


def early_deletion_cost(item: StoredBytes, price: TierPrice) -> Decimal:
    """What leaving a tier before its minimum duration costs: the rest of that time, as if it were kept."""
    days_left = max(ZERO, price.minimum_days - item.held_days)
    return item.size / GIB * price.keep * days_left / DAYS_A_MONTH


def move_cost(item: StoredBytes, *, source: TierPrice, target: TierPrice) -> Decimal:
    """One move: read at the source, the request at the target, and early deletion at the source."""
    read = item.size / GIB * source.read
    return read + target.move + early_deletion_cost(item, source)


def plan_cost(
    items: Iterable[tuple[StoredBytes, str]], prices: Mapping[str, TierPrice]
) -> PlanCost:
    """The cost of a plan: `items` are each stored bytes with the tier that they will be in.

    Raises KeyError for a tier without a price.
    """
    before, after, once = MonthlyCost(), MonthlyCost(), ZERO
    for item, target in items:
        source_price, target_price = prices[item.tier], prices[target]
        before += monthly_cost(item, source_price)
        after += monthly_cost(item, target_price)
        if target != item.tier:
            once += move_cost(item, source=source_price, target=target_price)
    return PlanCost(before=before, after=after, once=once)
