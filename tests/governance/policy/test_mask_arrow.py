"""The masks over Arrow arrays equal the reference for every text, width of offsets and slice; nothing passes unmasked."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.policy.mask_arrow import ARROW_MASKS, mask_array
from governance.policy.masks import Mask, apply

MASKS = sorted(ARROW_MASKS)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
# Edges of one to four bytes a character, a combining mark, a zero character, digits that are not ASCII.
ODD_TEXT = st.text(
    st.sampled_from("\x00\n09az(),.-@\x7f\x80é߿ࠀ\uffff𐀀\U0010ffff\u0301٣²"), max_size=9
)
VALUES = st.lists(st.one_of(st.none(), ANY_TEXT, ODD_TEXT, st.text("a1@", max_size=9)), max_size=9)


@pytest.mark.parametrize("mask", MASKS)
@settings(max_examples=300, deadline=None)
@given(values=VALUES, kind=st.sampled_from([pa.string(), pa.large_string()]), cut=st.data())
def test_arrays_equal_the_reference(mask, values, kind, cut):
    start = cut.draw(st.integers(0, len(values)))
    length = cut.draw(st.integers(0, len(values) - start))
    masked = mask_array(mask, pa.array(values, kind).slice(start, length))
    masked.validate(full=True)
    expected = [apply(mask, value, "string") for value in values[start : start + length]]
    assert (masked.to_pylist(), masked.type) == (expected, kind)


@pytest.mark.parametrize("mask", MASKS)
def test_every_character_of_unicode_equals_the_reference(mask):
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    values = ["".join(characters[place : place + 7]) for place in range(0, len(characters), 7)]
    expected = [apply(mask, value, "string") for value in values]
    assert mask_array(mask, pa.array(values)).to_pylist() == expected


def test_known_answers():
    values = pa.array(["4111-1111-1111-1234", "Zoë Łuk 7", "abcd", "", None])
    assert {str(mask): mask_array(mask, values).to_pylist() for mask in MASKS} == {
        "mask-alphanum": ["nnnn-nnnn-nnnn-nnnn", "xxxxxxxxn", "xxxx", "", None],
        "show-first-4": ["4111-nnnn-nnnn-nnnn", "Zoë xxxxn", "abcd", "", None],
        "show-last-4": ["nnnn-nnnn-nnnn-1234", "xxxxxuk 7", "abcd", "", None],
    }


def test_the_original_array_is_left_alone():
    values = pa.array(["secret", None])
    mask_array(Mask.SHOW_LAST_4, values)
    assert values.to_pylist() == ["secret", None]


@pytest.mark.parametrize(
    ("mask", "array"),
    [
        (Mask.SHA_256_GLOBAL, pa.array(["a"])),
        (Mask.REPLACE_WITH_NULL, pa.array(["a"])),
        (Mask.MASK_ALPHANUM, pa.array([1])),
        (Mask.MASK_ALPHANUM, pa.array([b"a"])),
        (Mask.MASK_ALPHANUM, pa.array(["a"]).dictionary_encode()),
        (Mask.MASK_ALPHANUM, pa.array(np.array([1.5]))),
    ],
)
def test_nothing_passes_unmasked(mask, array):
    with pytest.raises(ValueError, match="cannot be applied"):
        mask_array(mask, array)
