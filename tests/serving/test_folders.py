"""Films in segments, played to their end on a real store."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.urls import path

from holdall.serving import serve_folder, stream
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import FaultProxy
from tests.serving.conftest import Paper, Serve, add, content

pytestmark = only("seaweedfs-http")

MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Ä",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"
720p/index.m3u8
"""
MEDIA = """#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-MAP:URI="init%20a.mp4"
#EXTINF:4.0,
seg%200.m4s
#EXTINF:4.0,
../shared/seg+1.m4s
#EXTINF:4.0,
../../{other}/secret.m4s
#EXT-X-ENDLIST
"""
SEGMENTS = ("720p/init a.mp4", "720p/seg 0.m4s", "audio/init a.mp4", "audio/seg 0.m4s", "shared/seg+1.m4s")


def folder(paper: Paper) -> str:
    return f"films/{paper.pk}"


def owns(request: Any, paper: Paper) -> bool:
    return bool(request.headers.get("X-Who") == paper.owner)


@pytest.fixture
def film(project: Any, urls: Any, settings: Any) -> Paper:
    own, other = add(owner="ada"), add(owner="eve")
    default = storages["default"]
    texts = {"master.m3u8": MASTER}
    texts |= {f"{which}/index.m3u8": MEDIA.format(other=other.pk) for which in ("720p", "audio")}
    for name, text in texts.items():
        default.save(f"films/{own.pk}/{name}", ContentFile(text.encode()))
    for name in SEGMENTS:
        default.save(f"films/{own.pk}/{name}", ContentFile(name.encode()))
    default.save(f"films/{other.pk}/secret.m4s", ContentFile(b"secret"))
    urls()
    view = serve_folder(Paper, folder, allow=owns)
    settings.ROOT_URLCONF.urlpatterns = [path("films/<int:pk>/<path:part>", view, name="film")]
    return own


Fetch = Callable[[str], bytes]


@pytest.fixture
def fetch(client: Any, provider: Provider) -> Fetch:
    """Fetch as a player does that the visitor's browser runs: from the site, or from the bucket."""

    def get(address: str) -> bytes:
        if address.startswith("http"):
            answer = provider.fetch(address)
            assert answer.status == 200
            return answer.body
        response = client.get(address, headers={"X-Who": "ada"})
        assert response.status_code == 200, address
        return content(response)

    return get


def references(playlist: bytes) -> list[str]:
    lines = playlist.decode().splitlines()
    return [line for line in lines if line and not line.startswith("#")] + re.findall(
        r'URI="([^"]+)"', playlist.decode()
    )


def test_player_gets_every_segment_and_asks_the_application_for_playlists_alone(
    film: Paper, fetch: Fetch, client: Any, proxy: FaultProxy
) -> None:
    played, asked = set(), []
    waiting = [f"/films/{film.pk}/master.m3u8"]
    while waiting:
        address = waiting.pop()
        asked.append(address)
        for reference in references(fetch(address)):
            neighbour = urllib.parse.urljoin(address, reference)
            if neighbour.endswith(".m3u8"):
                waiting.append(neighbour)
            elif neighbour.startswith("/"):
                # Another's film: the player asks for it itself, and is refused.
                assert client.get(neighbour, headers={"X-Who": "ada"}).status_code == 403
            else:
                played.add(fetch(neighbour).decode())

    assert played == set(SEGMENTS)
    assert len(asked) == 3


def test_playlist_says_for_how_long_its_links_stay(film: Paper, client: Any, proxy: FaultProxy) -> None:
    proxy.exchanges.clear()
    address = f"/films/{film.pk}/720p/index.m3u8"

    response = client.get(address, headers={"X-Who": "ada"})
    again = client.get(address, headers={"X-Who": "ada"})
    head = client.head(address, headers={"X-Who": "ada"})

    assert response.content == again.content
    assert proxy.operations == ["GetObject"] * 3
    kept = int(response["Cache-Control"].removeprefix("private, max-age="))
    assert 0 <= kept <= 1_800
    assert response["Content-Type"] == "application/vnd.apple.mpegurl"
    assert (head.content, head["Content-Length"]) == (b"", str(len(response.content)))


@pytest.mark.parametrize("part", ["master.m3u8", "720p/index.m3u8", "720p/seg 0.m4s"])
def test_folder_opens_for_whom_the_hook_allows(part: str, film: Paper, client: Any) -> None:
    address = f"/films/{film.pk}/{urllib.parse.quote(part)}"

    assert client.get(address).status_code == 403
    assert client.get(address, headers={"X-Who": "ada"}).status_code in {200, 302}


def test_folder_has_no_way_out(film: Paper, client: Any) -> None:
    for part in (
        f"../{film.pk + 1}/secret.m4s",
        f"..%2F{film.pk + 1}/secret.m4s",
        "..",
        "x/../master.m3u8",
        "none.m3u8",
    ):
        assert client.get(f"/films/{film.pk}/{part}", headers={"X-Who": "ada"}).status_code == 404, part


def test_manifest_whose_names_are_patterns_comes_from_the_view(
    film: Paper, client: Any, fetch: Fetch, provider: Provider
) -> None:
    """Players put numbers into the names of DASH; each segment is then a redirect."""
    manifest = b'<MPD><SegmentTemplate media="720p/seg $Number$.m4s"/></MPD>'
    storages["default"].save(f"films/{film.pk}/a.mpd", ContentFile(manifest))

    assert fetch(f"/films/{film.pk}/a.mpd") == manifest
    segment = client.get(f"/films/{film.pk}/720p/seg%200.m4s", headers={"X-Who": "ada"})
    assert provider.fetch(segment.url).body == b"720p/seg 0.m4s"


def test_scene_gets_its_textures(film: Paper, fetch: Fetch) -> None:
    scene = {"asset": {"version": "2.0"}, "images": [{"uri": "720p/seg%200.m4s"}]}
    storages["default"].save(f"films/{film.pk}/a.gltf", ContentFile(json.dumps(scene).encode()))

    changed = json.loads(fetch(f"/films/{film.pk}/a.gltf"))

    assert fetch(changed["images"][0]["uri"]) == b"720p/seg 0.m4s"


def test_file_that_is_not_what_it_says_is_sent_as_it_is(film: Paper, fetch: Fetch) -> None:
    storages["default"].save(f"films/{film.pk}/b.gltf", ContentFile(b"\xff\xfe no scene"))

    assert fetch(f"/films/{film.pk}/b.gltf") == b"\xff\xfe no scene"


def test_playlist_is_sent_as_it_is_where_nobody_must_learn_of_the_bucket(
    film: Paper, settings: Any, fetch: Fetch, urls: Serve
) -> None:
    urls()
    view = serve_folder(Paper, folder, allow=owns, by=stream)
    settings.ROOT_URLCONF.urlpatterns = [path("films/<int:pk>/<path:part>", view)]

    assert fetch(f"/films/{film.pk}/master.m3u8") == MASTER.encode()
    assert fetch(f"/films/{film.pk}/720p/seg%200.m4s") == b"720p/seg 0.m4s"


def test_playlist_on_cloudfront_has_one_signature_for_all(film: Paper, settings: Any, client: Any) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    options = {
        "custom_domain": "media.example.com",
        "cloudfront_key_id": "K2HOLDALLTEST",
        "cloudfront_key": pem,
    }
    default = settings.STORAGES["default"]
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": {**default["OPTIONS"], **options}}}

    text = client.get(f"/films/{film.pk}/720p/index.m3u8", headers={"X-Who": "ada"}).content
    links = [urllib.parse.urlsplit(one) for one in references(text) if one.startswith("https://media.example.com/")]
    [query] = {link.query for link in links}
    cookies = storages["default"].cloudfront_cookies(f"films/{film.pk}/*")

    assert len(links) == 3
    for signed in (dict(urllib.parse.parse_qsl(query)), {name[11:]: value for name, value in cookies.items()}):
        policy = base64.b64decode(signed["Policy"].translate(str.maketrans("-_~", "+=/")))
        signature = base64.b64decode(signed["Signature"].translate(str.maketrans("-_~", "+=/")))
        private.public_key().verify(signature, policy, PKCS1v15(), SHA1())
        resource = json.loads(policy)["Statement"][0]["Resource"]
        assert resource.endswith(f"/films/{film.pk}/*")
        assert all(link.geturl().startswith(resource.rstrip("*")) for link in links)
    assert set(cookies) == {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"}


def test_folder_without_a_name_is_refused(film: Paper, settings: Any, client: Any) -> None:
    view = serve_folder(Paper, lambda paper: "/", allow=owns)
    settings.ROOT_URLCONF.urlpatterns = [path("x/<int:pk>/<path:part>", view)]

    with pytest.raises(ImproperlyConfigured, match="the whole storage"):
        client.get(f"/x/{film.pk}/films/{film.pk}/master.m3u8", headers={"X-Who": "ada"})
