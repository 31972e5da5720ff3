"""Cutting a stream: whatever the blocks that it comes in, the chunks are the same."""

import gzip
import hashlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.services.bulk import chunks
from catalog.services.bulk.chunks import limited, read_chunks, unpacked
from core.errors import InvalidInputError, LimitExceededError


def cut(blocks, **limits):
    """(first line, last line, lines, too long ones, digest) of each chunk."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in limits.items():
            patch.setattr(chunks, name, value)
        return [
            (
                each.first_line,
                each.last_line,
                each.lines,
                [line for line, _ in each.too_long],
                each.digest,
            )
            for each in read_chunks(iter(blocks))
        ]


def slow_and_obvious(body: bytes, *, most_lines: int, longest: int):
    lines = body.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    found = []
    for start in range(0, len(lines), most_lines):
        part = list(enumerate(lines[start : start + most_lines], start=start + 1))
        digest = hashlib.sha256()
        for _, line in part:
            digest.update(line + b"\n" if len(line) <= longest else hashlib.sha256(line).digest())
        kept = [(number, line) for number, line in part if line.strip() and len(line) <= longest]
        long = [number for number, line in part if len(line) > longest]
        found.append((part[0][0], part[-1][0], kept, long, digest.hexdigest()))
    return found


@given(
    st.lists(st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"x")), max_size=20),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_any_blocks_give_the_chunks_of_the_reference(lines, cuts) -> None:
    body = b"".join(line + b"\n" for line in lines)
    places = sorted({0, len(body), *(each for each in cuts if each < len(body))})
    blocks = [body[a:b] for a, b in itertools.pairwise(places)]
    found = cut(blocks, CHUNK_LINES=3, MAX_LINE_BYTES=8)
    assert found == slow_and_obvious(body, most_lines=3, longest=8)


@pytest.mark.parametrize(("end", "kept"), [(b'{"a":', 1), (b"", 1), (b" ", 2), (b"{}", 2)])
def test_a_last_line_without_its_end_counts_if_it_is_whole(end, kept) -> None:
    stream = read_chunks(iter([b"{}\n" + end]))
    chunk = next(stream)
    assert (chunk.last_line, chunk.is_full) == (kept, False)
    if kept == 1 and end:
        with pytest.raises(InvalidInputError) as caught:
            next(stream)
        assert caught.value.data == {"line": 2}
    else:
        assert list(stream) == []


def test_a_chunk_ends_where_an_earlier_stream_broke_off() -> None:
    def spans(**kwargs):
        found = read_chunks(iter([b"{}\n" * 7]), **kwargs)
        return [(each.first_line, each.last_line, each.is_full) for each in found]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK_LINES", 3)
        assert spans() == [(1, 3, True), (4, 6, True), (7, 7, False)]
        assert spans(cuts=[2]) == [(1, 2, True), (3, 5, True), (6, 7, False)]
        assert spans(passed_line=4) == [(5, 7, True)]
        assert spans(first_line=3, passed_line=4) == [(5, 7, True), (8, 9, False)]


def test_a_chunk_ends_by_size_too() -> None:
    found = cut([b"aaaa\n" * 10], CHUNK_BYTES=8)
    assert [(each[0], each[1]) for each in found] == [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)]


@given(st.binary(max_size=2_000), st.integers(1, 50))
def test_gzip_in_any_blocks(body, size) -> None:
    packed = gzip.compress(body) + gzip.compress(body)
    blocks = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(unpacked(iter(blocks))) == body * 2


def test_gzip_that_explodes_is_unpacked_by_pieces() -> None:
    bomb = gzip.compress(b"\0" * (50 << 20))
    pieces = unpacked(iter([bomb]))
    assert max(len(next(pieces)) for _ in range(20)) <= chunks.READ_BYTES
    with pytest.raises(LimitExceededError):
        list(limited(unpacked(iter([bomb])), max_bytes=1 << 20))


@pytest.mark.parametrize(
    "body",
    [b"x", gzip.compress(b"abc")[:-1], gzip.compress(b"abc") + b"x"],
    ids=["text", "cut off", "followed by more"],
)
def test_what_is_no_gzip(body) -> None:
    with pytest.raises(InvalidInputError):
        list(unpacked(iter([body])))
