"""Playlists and scenes with links in place of names."""

from __future__ import annotations

import json

import pytest

from holdall.serving.neighbours import resolved, rewritten

MEDIA = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x1
#EXT-X-MAP:URI="init.mp4",BYTERANGE="616@0"
#EXTINF:4.0,
seg 0.m4s
#EXTINF:4.0,
sub/seg%201.m4s
#EXTINF:4.0,
https://elsewhere.example.com/ad.ts
#EXT-X-PART:DURATION=1,URI="part.m4s"
# a remark
#EXT-X-ENDLIST
"""


def link(name: str) -> str:
    return f"<{name}>"


def test_playlist_gets_links_to_its_neighbours() -> None:
    text = rewritten("films/7/720p/index.m3u8", MEDIA, root="films/7", link=link)

    assert text == (
        MEDIA.replace("key.bin", "<films/7/720p/key.bin>")
        .replace("init.mp4", "<films/7/720p/init.mp4>")
        .replace("sub/seg%201.m4s", "<films/7/720p/sub/seg 1.m4s>")
        .replace("seg 0.m4s", "<films/7/720p/seg 0.m4s>")
        .replace('"part.m4s"', '"<films/7/720p/part.m4s>"')
    )


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("\ufeff#EXTM3U\r\na.ts\r\n", "#EXTM3U\n<f/a.ts>\n"),
        ("#EXTM3U\n  a.ts \n\nb.ts", "#EXTM3U\n<f/a.ts>\n\n<f/b.ts>\n"),
        # A name of one line, and not of two.
        ("#EXTM3U\na\u2028b\x0cc.ts\n", "#EXTM3U\n<f/a\u2028b\x0cc.ts>\n"),
    ],
    ids=["from Windows", "spaces", "odd line ends"],
)
def test_playlist_is_read_as_players_do(text: str, changed: str) -> None:
    assert rewritten("f/index.m3u8", text, root="f", link=link) == changed


def test_playlists_in_a_playlist_stay_relative() -> None:
    master = (
        "#EXTM3U\r\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="de",URI="audio/de.m3u8"\r\n'
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"\r\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=1\r\n720p/index.m3u8\r\n"
    )

    assert rewritten("films/7/master.m3u8", master, root="films/7", link=link) == master.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "reference",
    [
        "../8/secret.ts",
        "../../papers/secret.pdf",
        "..%2F8/secret.ts",
        "%2e%2e/8/secret.ts",
        "x/../../8/secret.ts",
        "..\\8\\secret.ts",
        "/films/8/secret.ts",
        "//elsewhere.example.com/x.ts",
        "https://elsewhere.example.com/x.ts",
        "data:text/plain,x",
        "seg.ts?token=1",
        "../7",
        "",
        "a\x00b",
        "http://[",
    ],
)
def test_playlist_gets_no_links_to_what_is_not_beside_it(reference: str) -> None:
    assert resolved("films/7/index.m3u8", reference, root="films/7") is None
    text = f"#EXTM3U\n{reference}\n"
    assert "<" not in rewritten("films/7/index.m3u8", text, root="films/7", link=link)


def test_scene_gets_links_to_its_buffers_and_pictures() -> None:
    scene = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": "mesh.bin", "byteLength": 1}, {"uri": "data:application/octet-stream;base64,AA=="}],
        "images": [{"uri": "textures/wood%20a.png"}, {"bufferView": 0}],
    }

    changed = json.loads(rewritten("scenes/1/a.gltf", json.dumps(scene), root="scenes/1", link=link))

    assert changed["buffers"] == [{"uri": "<scenes/1/mesh.bin>", "byteLength": 1}, scene["buffers"][1]]
    assert changed["images"] == [{"uri": "<scenes/1/textures/wood a.png>"}, {"bufferView": 0}]


@pytest.mark.parametrize("text", ['{"buffers": 5}', '{"images": {"uri": "a"}}', '{"buffers": [5, {"uri": 5}, {}]}'])
def test_scene_without_files_stays(text: str) -> None:
    assert json.loads(rewritten("scenes/1/a.gltf", text, root="scenes/1", link=link)) == json.loads(text)


@pytest.mark.parametrize("text", ["", "[]", "{", "1", "[" * 100_000], ids=["empty", "list", "half", "number", "deep"])
def test_scene_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ValueError):
        rewritten("scenes/1/a.gltf", text, root="scenes/1", link=link)
