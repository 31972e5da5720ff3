"""Images: dimensions, mode and a safe part of EXIF, of pictures that decode to the last row."""

import io
import warnings
from typing import Any, ClassVar, Final

from PIL import ExifTags, Image, UnidentifiedImageError

from ingestion.formats.base import (
    DEFAULT_OPTIONS,
    FormatOptions,
    ObjectMetadata,
    Reason,
    Reject,
)
from ingestion.formats.objects import make_metadata, refuse_object, refuse_unusable

MAX_PIXELS: Final = 100_000_000  # 400 MB once decoded to RGBA; more is a decompression bomb
_MAX_EXIF_TEXT: Final = 200
# What describes the picture and the camera. Places and serial numbers are personal data, and stay in the file.
_EXIF_FIELDS: Final = {
    "Make": "camera_make",
    "Model": "camera_model",
    "DateTime": "taken_at",
    "DateTimeOriginal": "taken_at",
    "Orientation": "orientation",
    "Software": "software",
    "ExposureTime": "exposure_seconds",
    "FNumber": "f_number",
    "ISOSpeedRatings": "iso",
    "FocalLength": "focal_length_mm",
}
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


class ImageFormat:
    name: ClassVar[str] = "image"
    media_types: ClassVar[frozenset[str]] = frozenset(
        {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"}
    )

    def describe(
        self, data: bytes, *, options: FormatOptions = DEFAULT_OPTIONS
    ) -> ObjectMetadata | Reject:
        unusable = refuse_unusable(data, options=options)
        if unusable is not None:
            return unusable
        try:
            properties, media_type = _decode(data)
        except _TooManyPixelsError as error:
            return refuse_object(data, Reason.TOO_LARGE, str(error))
        except UnidentifiedImageError:
            return refuse_object(data, Reason.BAD_IMAGE, "not an image of a known format")
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            text = str(error)
            cut = isinstance(error, EOFError) or "truncated" in text or "unexpected end" in text
            reason = Reason.TRUNCATED if cut else Reason.BAD_IMAGE
            return refuse_object(data, reason, text or "the image ends too early")
        return make_metadata(data, properties=properties, media_type=media_type)


class _TooManyPixelsError(ValueError):
    pass


def _decode(data: bytes) -> tuple[dict[str, Any], str]:
    with warnings.catch_warnings():
        # Pillow's own bomb limit is a process-wide global; ours is checked before any pixel is decoded
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
        except Image.DecompressionBombError as error:
            raise _TooManyPixelsError(str(error)) from None
    with image:
        pixels = image.width * image.height * getattr(image, "n_frames", 1)
        if pixels > MAX_PIXELS:
            raise _TooManyPixelsError(f"{pixels} pixels, expected at most {MAX_PIXELS}")
        properties: dict[str, Any] = {
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            "format": image.format,
            "frames": getattr(image, "n_frames", 1),
        }
        image.load()  # decodes every row: a truncated file fails here, and never reaches a reader
        exif = _read_exif(image)
        if exif:
            properties["exif"] = exif
        return properties, Image.MIME.get(image.format or "", "")


def _read_exif(image: Image.Image) -> dict[str, Any]:
    try:
        exif = image.getexif()
        tags = dict(exif) | dict(exif.get_ifd(ExifTags.IFD.Exif))
    except (SyntaxError, ValueError, OSError, KeyError):
        return {}  # broken EXIF does not break a picture that decodes
    found: dict[str, Any] = {}
    for tag, value in tags.items():
        name = _EXIF_FIELDS.get(ExifTags.TAGS.get(tag, ""))
        if name:
            found[name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return value
    try:
        return round(float(value), 6)
    except (TypeError, ValueError, ZeroDivisionError):
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
        return text.replace("\x00", "").strip()[:_MAX_EXIF_TEXT]
