"""Media types by content, never by file name: the name is the sender's claim."""

from typing import Final

_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    # (offset, bytes, media type); WHATWG MIME Sniffing, section 6, and each format's own specification
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (8, b"WAVE", "audio/wav"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (8, b"AIFF", "audio/aiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"Obj\x01", "application/avro"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
)
_TEXT_CONTROLS: Final = frozenset(b"\t\n\x0b\x0c\r\x1b")
_HEAD_BYTES: Final = 1445  # the resource header of WHATWG MIME Sniffing, section 5.2


def sniff_media_type(data: bytes) -> str:
    """Return the media type of `data` by its first bytes; `application/octet-stream` when unknown."""
    for offset, signature, media_type in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return media_type
    head = data[:_HEAD_BYTES]
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return "text/plain"
    if any(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in head):  # noqa: PLR2004
        return "application/octet-stream"
    start = head.lstrip()
    if start.startswith(b"<?xml"):
        return "application/xml"
    if start[:1] in {b"{", b"["}:
        return "application/json"
    return "text/plain" if head else "application/octet-stream"
