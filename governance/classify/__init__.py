"""Which personal data a field holds, by its name, type and sampled values. Plain Python: no framework, no database."""

from governance.classify.fields import LABELS, VERSION, classify_field
from governance.classify.learning import Decisions, shift_of
from governance.classify.media import suggestions_of_media
from governance.classify.suggestion import Suggestion

__all__ = [
    "LABELS",
    "VERSION",
    "Decisions",
    "Suggestion",
    "classify_field",
    "shift_of",
    "suggestions_of_media",
]
