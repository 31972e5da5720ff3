"""Text: encoding, language, words and lines."""

import re
from functools import cache
from typing import Any, ClassVar, Final

from charset_normalizer import from_bytes

from ingestion.formats.base import (
    DEFAULT_OPTIONS,
    FormatOptions,
    ObjectMetadata,
    Reason,
    Reject,
)
from ingestion.formats.objects import make_metadata, refuse_object, refuse_unusable
from ingestion.formats.sniff import sniff_media_type

_WORD: Final = re.compile(r"\w+(?:['\u2019\-]\w+)*")
_LANGUAGE_SAMPLE: Final = 20_000  # characters: more changes no answer, and costs


class TextFormat:
    name: ClassVar[str] = "text"
    media_types: ClassVar[frozenset[str]] = frozenset(
        {"text/plain", "application/json", "application/xml"}
    )

    def describe(
        self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS
    ) -> ObjectMetadata | Reject:
        unusable = refuse_unusable(data, options=options)
        if unusable is not None:
            return unusable
        decoded = _decode(data)
        if decoded is None:
            return refuse_object(data, Reason.BAD_TEXT, "not text in any known encoding")
        text, encoding = decoded
        language, confidence = detect_language(text)
        properties = {
            "encoding": encoding,
            "language": language,
            "language_confidence": confidence,
            "words": len(_WORD.findall(text)),
            "lines": len(text.splitlines()),
            "characters": len(text),
        }
        return make_metadata(data, properties=properties, media_type="text/plain")


def _decode(data: bytes) -> tuple[str, str] | None:
    if sniff_media_type(data).split("/")[0] in {"image", "audio"} or _is_binary(data):
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(data).best()
        return (str(best), best.encoding.replace("_", "-")) if best is not None else None
    return text, "ascii" if text.isascii() else "utf-8"


def _is_binary(data: bytes) -> bool:
    return b"\x00" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff"))


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def detect_language(text: str) -> tuple[str, float]:
    """Return (ISO 639-1 code, probability 0..1); `und` (BCP 47: undetermined) when there is no word."""
    if not _WORD.search(text):
        return "und", 0.0
    language, probability = _identifier().classify(text[:_LANGUAGE_SAMPLE])
    return str(language), round(float(probability), 4)
