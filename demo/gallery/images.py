"""Look at the bytes of an upload and say what they are; pure but for Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

# Pillow's name -> the suffix under which it is kept. Only what every current browser shows.
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif"}
ORIENTATION = 0x0112
MOST_PIXELS = 100_000_000


class NotAPhotograph(ValueError):
    """The bytes are not a photograph that a browser shows; the message completes a sentence that begins with the name."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the bytes say about themselves."""

    suffix: str
    width: int
    height: int


def inspect_image(content: BinaryIO) -> ImageFacts:
    """Return the kind and the size of a photograph, and leave the file at its start.

    Raises: NotAPhotograph, with the reason.
    """
    try:
        with Image.open(content, formats=list(SUFFIXES)) as image:
            kind, (width, height) = image.format, image.size
            # A camera held upright writes a lying picture and a note; browsers follow the note.
            # Only asked of JPEG, which cameras write: of a PNG, Pillow would decode every pixel to find it.
            if kind == "JPEG" and image.getexif().get(ORIENTATION, 1) >= 5:
                width, height = height, width
            image.verify()
    # A few hundred bytes can claim to be a picture that fills the memory when it is opened.
    except Image.DecompressionBombError as error:
        raise NotAPhotograph("has too many pixels") from error
    # Pillow's readers end in many kinds of errors on a damaged file, SyntaxError among them.
    except Exception as error:
        raise NotAPhotograph("is not a JPEG, PNG, WebP, GIF or AVIF image, or it is damaged") from error
    finally:
        content.seek(0)
    if width * height > MOST_PIXELS:
        raise NotAPhotograph("has too many pixels")
    return ImageFacts(SUFFIXES[kind], width, height)
