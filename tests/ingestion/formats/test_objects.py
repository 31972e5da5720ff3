import hashlib
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from ingestion.formats.base import FormatOptions, ObjectMetadata, Reason, Reject
from ingestion.formats.image import ImageFormat
from ingestion.formats.registry import OBJECTS, UnknownFormatError, find_object_format
from ingestion.formats.sniff import sniff_media_type


def picture(kind, **save):
    sink = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(sink, kind, **save)
    return sink.getvalue()


def recording(kind, subtype):
    sink = io.BytesIO()
    tone = np.sin(np.linspace(0, 2000, 16_000)).astype("float32") * 0.5
    soundfile.write(sink, tone, 8000, format=kind, subtype=subtype)
    return sink.getvalue()


ENGLISH = (
    "We the People of the United States, in Order to form a more perfect Union,\n"
    "establish Justice, insure domestic Tranquility.\n"
)
GOOD = {
    "image": [picture("PNG"), picture("JPEG")],
    "audio": [recording("WAV", "PCM_16"), recording("FLAC", "PCM_16"), recording("OGG", "VORBIS")],
    "text": [ENGLISH.encode()],
}


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_every_object_has_size_checksum_and_type(name):
    for data in GOOD[name]:
        metadata = OBJECTS[name].describe(data)
        assert isinstance(metadata, ObjectMetadata)
        assert metadata.size == len(data)
        assert metadata.checksum == "sha256:" + hashlib.sha256(data).hexdigest()
        assert metadata.media_type == sniff_media_type(data)
        assert find_object_format(data).name == name


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_nothing_and_too_much_are_refused(name):
    empty = OBJECTS[name].describe(b"")
    assert isinstance(empty, Reject)
    assert empty.reason is Reason.EMPTY
    data = GOOD[name][0]
    large = OBJECTS[name].describe(data, options=FormatOptions(max_bytes=5))
    assert isinstance(large, Reject)
    assert (large.reason, large.original) == (Reason.TOO_LARGE, data)


@pytest.mark.parametrize("data", [*GOOD["image"], *GOOD["audio"][:2]])
def test_truncation_is_a_reject_with_its_bytes(data):
    cut = data[: len(data) * 2 // 3]
    reject = find_object_format(cut).describe(cut)
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.original) in {(Reason.TRUNCATED, cut), (Reason.BAD_AUDIO, cut)}


def test_image_properties_and_exif():
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8825] = {1: "N"}
    data = picture("JPEG", exif=exif)
    properties = ImageFormat().describe(data).properties
    assert properties == {
        "width": 60,
        "height": 40,
        "mode": "RGB",
        "format": "JPEG",
        "frames": 1,
        "exif": {"camera_make": "Maker"},
    }


def test_a_decompression_bomb_is_refused_before_it_is_decoded():
    sink = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(sink, "PNG")
    reject = ImageFormat().describe(sink.getvalue())
    assert isinstance(reject, Reject)
    assert reject.reason is Reason.TOO_LARGE


def test_audio_properties():
    assert OBJECTS["audio"].describe(GOOD["audio"][0]).properties == {
        "duration_seconds": 2.0,
        "sample_rate": 8000,
        "channels": 1,
        "frames": 16000,
        "format": "WAV",
        "encoding": "PCM_16",
    }


def test_text_properties():
    properties = OBJECTS["text"].describe(ENGLISH.encode()).properties
    assert properties["language_confidence"] > 0.9
    del properties["language_confidence"]
    assert properties == {
        "encoding": "ascii",
        "language": "en",
        "words": 20,
        "lines": 2,
        "characters": 123,
    }


def test_text_in_another_encoding():
    text = "Der Präsident möchte über die Straße gehen. " * 10
    properties = OBJECTS["text"].describe(text.encode("utf-16")).properties
    assert properties["language"] == "de"
    assert properties["characters"] == len(text)


def test_unknown_bytes():
    assert sniff_media_type(b"\x00\x01\x02") == "application/octet-stream"
    with pytest.raises(UnknownFormatError, match="octet-stream"):
        find_object_format(b"\x00\x01\x02")
    assert isinstance(OBJECTS["text"].describe(b"\x00\x01\x02"), Reject)
