"""Audio: duration, sample rate, channels and encoding, of recordings that hold all their frames."""

import io
from typing import ClassVar, Final

import soundfile

from ingestion.formats.base import (
    DEFAULT_OPTIONS,
    FormatOptions,
    ObjectMetadata,
    Reason,
    Reject,
)
from ingestion.formats.objects import make_metadata, refuse_object, refuse_unusable

_BLOCK_FRAMES: Final = 65_536
_RIFF_HEADER: Final = 8


class AudioFormat:
    name: ClassVar[str] = "audio"
    media_types: ClassVar[frozenset[str]] = frozenset(
        {"audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/aiff"}
    )

    def describe(
        self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS
    ) -> ObjectMetadata | Reject:
        unusable = refuse_unusable(data, options=options)
        if unusable is not None:
            return unusable
        missing = _missing_riff_bytes(data)
        if missing:
            return refuse_object(data, Reason.TRUNCATED, f"{missing} bytes are missing at the end")
        try:
            with soundfile.SoundFile(io.BytesIO(data)) as recording:
                frames = _count_frames(recording)
                declared = recording.frames
                properties = {
                    "duration_seconds": round(frames / recording.samplerate, 6),
                    "sample_rate": recording.samplerate,
                    "channels": recording.channels,
                    "frames": frames,
                    "format": recording.format,
                    "encoding": recording.subtype,
                }
        except (soundfile.LibsndfileError, RuntimeError, ValueError) as error:
            return refuse_object(data, Reason.BAD_AUDIO, _describe(error))
        if frames < declared:
            message = f"{frames} frames decode, the header says {declared}"
            return refuse_object(data, Reason.TRUNCATED, message)
        if not frames:
            return refuse_object(data, Reason.EMPTY, "the recording has no frames")
        return make_metadata(data, properties=properties)


def _describe(error: Exception) -> str:
    return str(getattr(error, "error_string", "") or error)


def _missing_riff_bytes(data: bytes) -> int:
    """Return how many bytes a RIFF file lacks by its own header; libsndfile shortens such files silently."""
    if data[:4] != b"RIFF" or len(data) < _RIFF_HEADER:
        return 0
    declared = int.from_bytes(data[4:8], "little")
    if declared in {0, 0xFFFFFFFF}:  # a stream that was never closed: length unknown, not truncated
        return 0
    return max(0, declared + _RIFF_HEADER - len(data))


def _count_frames(recording: soundfile.SoundFile) -> int:
    """Decode everything: only frames that decode count."""
    total = 0
    while True:
        block = recording.read(_BLOCK_FRAMES, dtype="int16", always_2d=True)
        if not len(block):
            return total
        total += len(block)
