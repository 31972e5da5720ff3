"""Events as they are kept: zstd frames of JSON with sorted keys."""

import threading
from typing import Any

import orjson
import zstandard

# One small event packs to a third, a Spark event to a tenth; higher levels cost more than they save.
LEVEL = 1
MAX_EVENT_BYTES = 256 << 20


class _Codec(threading.local):
    """A compressor and a decompressor for each thread: they may not be shared."""

    def __init__(self) -> None:
        self.packer = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True)
        self.unpacker = zstandard.ZstdDecompressor()


_codec = _Codec()


def pack_event(raw: bytes) -> bytes:
    """A zstd frame of an event's JSON text."""
    return _codec.packer.compress(raw)


def unpack_event(packed: bytes) -> Any:
    """The event's JSON value."""
    return orjson.loads(_codec.unpacker.decompress(packed, max_output_size=MAX_EVENT_BYTES))
