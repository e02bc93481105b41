"""Files that name their neighbours: playlists of HLS and scenes of glTF, with links in place of the names. Pure.

https://www.rfc-editor.org/rfc/rfc8216 and https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

# What a file of these types names is found beside the address that it was fetched from: it cannot come by a redirect.
NAMING = frozenset({".m3u8", ".m3u", ".mpd", ".gltf", ".vtt", ".obj", ".mtl", ".dae"})
_PLAYLISTS = frozenset({".m3u8", ".m3u"})
_ATTRIBUTE = re.compile(r'(?<![A-Z-])URI="([^"\r\n]*)"')

Link = Callable[[str], str]


def is_rewritten(name: str) -> bool:
    """Say whether the names in a file of this type can be replaced; those of others are patterns, or are not URIs."""
    return _extension(name) in {*_PLAYLISTS, ".gltf"}


def names_neighbours(name: str) -> bool:
    """Say whether a file of this type names others that are found beside its own address."""
    return _extension(name) in NAMING


def _extension(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def rewritten(name: str, text: str, *, root: str, link: Link) -> str:
    """Give the text of a file with a link in place of each neighbour in `root`.

    Other files that name neighbours keep their relative names, so that players ask the same view for them. So do names
    that lead out of `root`: the attack is a playlist, uploaded by a visitor, that names another's film and gets links to
    it. Absolute addresses stay as they are.

    Raises:
        ValueError: it is not what its extension says.
    """

    def changed(reference: str) -> str:
        neighbour = resolved(name, reference, root=root)
        return reference if neighbour is None or names_neighbours(neighbour) else link(neighbour)

    # A mark of the byte order, as editors on Windows write it, would hide the first line from players too.
    text = text.removeprefix("\ufeff")
    if _extension(name) in _PLAYLISTS:
        # Lines end by these alone; `splitlines` would also end them by characters that names can have.
        lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
        return "\n".join(_line(line, changed) for line in lines) + "\n"
    return _scene(text, changed)


def resolved(name: str, reference: str, *, root: str) -> str | None:
    """Give the name of the file that a relative reference means; None for what is not in `root`, or not relative."""
    try:
        parts = urlsplit(reference)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or parts.query or not parts.path or parts.path.startswith("/"):
        return None
    path = unquote(parts.path)
    # A store would take "a/./b" for another name, and a backslash for a slash.
    neighbour = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    return neighbour if neighbour.startswith(f"{root}/") and "\\" not in path and "\x00" not in path else None


def _line(line: str, changed: Link) -> str:
    if line.startswith("#EXT"):
        return _ATTRIBUTE.sub(lambda found: f'URI="{changed(found[1])}"', line)
    return changed(line.strip()) if line.strip() and not line.startswith("#") else line


def _scene(text: str, changed: Link) -> str:
    try:
        scene: Any = json.loads(text)
    except RecursionError as deep:
        # The attack: a thousand brackets, which a visitor uploads.
        raise ValueError("A scene of glTF is not as deep as this.") from deep
    if not isinstance(scene, dict):
        raise ValueError("A scene of glTF is a JSON object.")  # noqa: TRY004  as for text that is no JSON
    for kind in ("buffers", "images"):
        found = scene.get(kind)
        for one in found if isinstance(found, list) else ():
            if isinstance(one, dict) and isinstance(one.get("uri"), str):
                one["uri"] = changed(one["uri"])
    return json.dumps(scene)
