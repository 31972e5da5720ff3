"""What classification answers: a label, how sure it is, and why, in words that hold no value of the data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of evidence for (or, where negative, against) a label, in log-odds."""

    label: str
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A label with its confidence (0 to 1) and the evidence, as sentences. INVARIANT: no sentence quotes a value."""

    label: str
    confidence: float
    evidence: tuple[str, ...]
