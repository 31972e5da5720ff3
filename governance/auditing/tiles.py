"""The stored inner nodes of the log's tree: whole tiles of 256 hashes, and any complete subtree from them."""

from collections.abc import Sequence

from governance.merkle import HASH_BYTES, NodeReader, root_of
from governance.models import AuditRecord, AuditTile

TILE_BITS = 8
# What one call makes up for at most, such as after an upgrade: a hundred thousand records.
_MAX_NEW_TILES = 400


def extend_tiles(size: int) -> int:
    """Keep the tiles that a tree of `size` leaves completes; returns how many. INVARIANT: under the sealer's lock."""
    made, level, hashes = 0, 0, size
    while (whole := hashes >> TILE_BITS) > 0 and made < _MAX_NEW_TILES:
        done = AuditTile.objects.filter(level=level).order_by("-index").values("index").first()
        first = 0 if done is None else done["index"] + 1
        until = min(whole, first + _MAX_NEW_TILES - made)
        AuditTile.objects.bulk_create(_tile(level, index) for index in range(first, until))
        made += until - first
        # A level stands on whole tiles of the one below, which may still be missing.
        level, hashes = level + 1, until
    return made


def _tile(level: int, index: int) -> AuditTile:
    hashes = _stored(level, index << TILE_BITS, (index + 1) << TILE_BITS)
    return AuditTile(level=level, index=index, hashes=b"".join(hashes), root=root_of(hashes))


def _stored(level: int, first: int, end: int) -> list[bytes]:
    """The hashes `first` to `end - 1` of a level, from the rows below it."""
    if level == 0:
        rows = AuditRecord.objects.filter(sequence__gte=first, sequence__lt=end).order_by(
            "sequence"
        )
        found = list(rows.values_list("leaf_hash", flat=True))
    else:
        tiles = AuditTile.objects.filter(level=level - 1, index__gte=first, index__lt=end)
        found = list(tiles.order_by("index").values_list("root", flat=True))
    if len(found) != end - first:
        raise LookupError(f"hashes {first} to {end - 1} of level {level} are not all there")
    return [bytes(each) for each in found]


class TileNodes(NodeReader):
    """Roots of complete subtrees, each tile read once. A proof in a tree of n leaves reads O(log n) tiles."""

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int], Sequence[bytes]] = {}

    def subtree(self, level: int, index: int) -> bytes:
        """The root over the leaves `index * 2^level` to `(index + 1) * 2^level - 1`."""
        tile_level, rest = divmod(level, TILE_BITS)
        first, end = index << rest, (index + 1) << rest
        return root_of(self._hashes(tile_level, first, end))

    def _hashes(self, level: int, first: int, end: int) -> Sequence[bytes]:
        tile = first >> TILE_BITS
        if (level, tile) not in self._tiles:
            row = AuditTile.objects.filter(level=level, index=tile).values("hashes").first()
            self._tiles[level, tile] = [] if row is None else _split(bytes(row["hashes"]))
        hashes = self._tiles[level, tile]
        if not hashes:
            # The tile is not whole yet: its hashes are few, and lie in the rows below.
            return _stored(level, first, end) if level == 0 else self._roots(level, first, end)
        start = first - (tile << TILE_BITS)
        return hashes[start : start + end - first]

    def _roots(self, level: int, first: int, end: int) -> list[bytes]:
        try:
            return _stored(level, first, end)
        except LookupError:
            # The tiles below are not made yet, as after an upgrade: from what they will hold.
            return [
                root_of(self._hashes(level - 1, index << TILE_BITS, (index + 1) << TILE_BITS))
                for index in range(first, end)
            ]


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
