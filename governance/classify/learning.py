"""What the stewards of a domain decided before, as log-odds for the next field of theirs."""

from dataclasses import dataclass
from math import log

# As if so many earlier decisions had been half acceptances: one decision moves little, ten decide.
_PRIOR_ACCEPTED = 1.0
_PRIOR_REJECTED = 1.0
_MOST = 4.0


@dataclass(frozen=True, slots=True)
class Decisions:
    """How often a label was accepted and rejected on fields of the same words (or, less tellingly, on any field)."""

    accepted: int = 0
    rejected: int = 0


def shift_of(same_words: Decisions, any_words: Decisions) -> float:
    """Log-odds of the posterior means of two Beta(1, 1) priors; what was decided on other words counts a quarter."""
    shift = _log_odds(same_words) + _log_odds(any_words) / 4
    return max(-_MOST, min(_MOST, shift))


def _log_odds(decisions: Decisions) -> float:
    accepted = decisions.accepted + _PRIOR_ACCEPTED
    return log(accepted / (decisions.rejected + _PRIOR_REJECTED))
