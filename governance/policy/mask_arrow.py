"""The partial masks over Arrow arrays of text: a table look-up per byte, where an engine has only regular expressions.

DuckDB renders the same masks by `mask_sql` at about fifty times the cost (`python -m bench governed_read`). Held equal
to `masks.apply` by tests. No value passes through a Python object.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from governance.policy.masks import Mask

ARROW_MASKS = frozenset({Mask.MASK_ALPHANUM, Mask.SHOW_FIRST_4, Mask.SHOW_LAST_4})
_SHOWN = 4  # characters, of `show-first-4` and `show-last-4`
# RFC 3629, section 3: what all but the first byte of a character begin with, and the bits that tell it.
_CONTINUATION, _CONTINUATION_BITS = 0x80, 0xC0

_OFFSET_TYPES: dict[Any, Any] = {pa.string(): np.int32, pa.large_string(): np.int64}


def _character_classes() -> npt.NDArray[np.uint8]:
    classes = np.full(256, ord("x"), dtype=np.uint8)
    classes[list(b"0123456789")] = ord("n")
    kept = list(b"(),.-@")
    classes[kept] = kept
    return classes


_CLASSES = _character_classes()


def mask_array(mask: Mask, array: pa.Array) -> pa.Array:
    """`array` with each value masked, of its own type and length; NULL stays NULL.

    INVARIANT: the text is valid UTF-8, as Arrow's format and DuckDB's VARCHAR ask. Raises ValueError for a mask that
    is not in ARROW_MASKS and for an array that is not text, so that nothing passes unmasked.
    """
    if mask not in ARROW_MASKS or array.type not in _OFFSET_TYPES:
        raise ValueError(f"mask `{mask}` cannot be applied to an array of {array.type}")
    if len(array) == 0:
        return array
    kind = _OFFSET_TYPES[array.type]
    _, offset_bytes, text_bytes = array.buffers()
    ends = array.offset + len(array) + 1
    offsets = np.frombuffer(offset_bytes, dtype=kind, count=ends)[array.offset :]
    text = np.frombuffer(text_bytes or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
    masked, places = _masked(mask, text, offsets - offsets[0])
    return type(array).from_buffers(
        len(array),
        pa.py_buffer(places.astype(kind, copy=False)),
        pa.py_buffer(masked),
        _nulls(array),
    )


def _masked(
    mask: Mask, text: npt.NDArray[np.uint8], offsets: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """The masked bytes of all values and where each value begins; the last offset is where the last one ends."""
    masked = _CLASSES[text]
    if text.size == 0 or text.max() < _CONTINUATION:
        for places in _shown_places(mask, offsets):
            masked[places] = text[places]
        return masked, offsets
    return _masked_beyond_ascii(mask, text, masked, offsets)


def _masked_beyond_ascii(
    mask: Mask,
    text: npt.NDArray[np.uint8],
    masked: npt.NDArray[np.uint8],
    offsets: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """As `_masked`, where a character may have several bytes: a hidden one becomes one byte, a shown one keeps its own."""
    leads = (text & _CONTINUATION_BITS) != _CONTINUATION
    characters_before = _running_count(leads)
    shown = np.zeros(characters_before[-1], dtype=bool)
    for places in _shown_places(mask, characters_before[offsets]):
        shown[places] = True
    in_shown = shown[characters_before[1:] - 1]
    masked[in_shown] = text[in_shown]
    kept = leads | in_shown
    return masked[kept], _running_count(kept)[offsets]


def _shown_places(mask: Mask, offsets: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """The places of the characters that stay, for one distance from the value's edge at a time."""
    first, beyond = offsets[:-1], offsets[1:]
    for distance in range(_SHOWN):
        if mask is Mask.SHOW_FIRST_4:
            places = first + distance
            yield places[places < beyond]
        elif mask is Mask.SHOW_LAST_4:
            places = beyond - (1 + distance)
            yield places[places >= first]


def _running_count(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many flags are set before each place, and in all."""
    counts = np.zeros(flags.size + 1, dtype=np.int64)
    np.cumsum(flags, out=counts[1:])
    return counts


def _nulls(array: pa.Array) -> pa.Buffer | None:
    if array.null_count == 0:
        return None
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return pa.py_buffer(np.packbits(valid, bitorder="little"))
