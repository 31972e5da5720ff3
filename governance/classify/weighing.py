"""From how many values pass a test to log-odds: what a test is worth depends on how often a look-alike passes it."""

from math import exp, log

# Values of one column are of one kind, so that ever more of them say ever less: beyond this many they count no more.
INDEPENDENT_VALUES = 25
# Before anything is looked at: about one field in twenty holds a given kind of personal data.
PRIOR = -3.0
SUGGESTED_FROM = 0.5
_DIRTY = 0.02
_EXPECTED = 0.9


def weigh_share(passed: int, total: int, *, chance: float, cap: float) -> float:
    """Log-odds of `passed` of `total` values where a look-alike passes with probability `chance`.

    The likelihood ratio of the best fitting share against `chance` (Wilks), or where no more pass than by chance, of
    the share that fields of the kind have; at most `cap`, at least `-cap`.
    """
    if total == 0:
        return 0.0
    share = min(max(passed / total, _DIRTY), 1 - _DIRTY)
    expected = share if share > chance else _EXPECTED
    ratio = share * log(expected / chance) + (1 - share) * log((1 - expected) / (1 - chance))
    weight = min(total, INDEPENDENT_VALUES) * ratio
    return max(-cap, min(weight, cap))


def probability(log_odds: float) -> float:
    """The logistic function."""
    return 1 / (1 + exp(-log_odds))


def percent(passed: int, total: int) -> str:
    """A share for people, such as `97 % of 200 sampled values`."""
    return f"{round(100 * passed / total) if total else 0} % of {total} sampled values"
