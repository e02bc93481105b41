"""Where the S3 API is that names of other tools hold, or only speak of. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdall import providers
from holdall.environment import foreign, values
from holdall.environment.foreign import Candidate
from holdall.hosts import is_local
from holdall.providers import PROVIDERS, Provider

ENDPOINT = "AWS_S3_ENDPOINT_URL"
# The words by which names speak of a provider.
_WORDS = {
    word: id_
    for id_, spoken in {
        "alibaba": "OSS ALIYUN",
        "b2": "B2 BACKBLAZE",
        "contabo": "CONTABO",
        "dreamhost": "DREAMOBJECTS",
        "exoscale": "EXOSCALE SOS",
        "filebase": "FILEBASE",
        "google": "GCS GCP GS",
        "hetzner": "HETZNER",
        "ionos": "IONOS",
        "linode": "LINODE AKAMAI",
        "outscale": "OUTSCALE OSC",
        "ovh": "OVH",
        "r2": "R2",
        "scaleway": "SCW SCALEWAY",
        "selectel": "SELECTEL",
        "storj": "STORJ",
        "supabase": "SUPABASE",
        "tencent": "COS",
        "tigris": "TIGRIS",
        "vultr": "VULTR",
        "wasabi": "WASABI",
        "yandex": "YANDEX YC",
    }.items()
    for word in spoken.split()
}
# Software that people run themselves, and the address that its documentation has in compose.
_SERVERS = {
    "MINIO": "http://minio:9000",
    "RUSTFS": "http://rustfs:9000",
    "GARAGE": "http://garage:3900",
    "SEAWEEDFS": "http://seaweedfs:8333",
    "LOCALSTACK": "http://localstack:4566",
}
# Regions that one provider alone has, and that do not look like Amazon's.
# https://www.backblaze.com/docs/cloud-storage-s3-compatible-api, https://www.scaleway.com/en/docs/object-storage/concepts/,
# https://docs.hetzner.com/storage/object-storage/overview/, https://docs.selectel.ru/en/s3/addresses-and-ports/,
# https://help.ovhcloud.com/csm/en-public-cloud-storage-s3-location
_REGIONS = {
    "b2": r"[a-z]+-[a-z]+-\d{3}",
    "scaleway": r"fr-par|nl-ams|pl-waw|it-mil",
    "hetzner": r"fsn1|nbg1|hel1",
    "selectel": r"ru-[1-9]",
    "ovh": r"gra|sbg|rbx|bhs|waw",
}


class Place(NamedTuple):
    """The S3 API of a provider."""

    # "" where only somebody's own server is known.
    title: str
    # Its address, or the form of it.
    address: str
    # Whether nothing is to be filled in.
    is_whole: bool = False


def spoken_of(names: Iterable[str], environ: Mapping[str, str], region: str) -> Place | None:
    """Give the place that names speak of: the first that is known. None: no name speaks of one."""
    for name in names:
        for word in foreign.words(name):
            if word in _WORDS:
                return at(PROVIDERS[_WORDS[word]], environ, region)
            if word in _SERVERS:
                return Place("", _SERVERS[word])
    return None


def of_region(region: str) -> Place | None:
    """Give the place that alone has a region."""
    for id_, known in _REGIONS.items():
        if re.fullmatch(known, region):
            return at(PROVIDERS[id_], {}, region)
    return None


def at(provider: Provider, environ: Mapping[str, str], region: str) -> Place:
    """Give the S3 API of a provider, as far as the environment and a region tell it."""
    form = provider.form
    if "PROJECT" in form:
        project = _project(environ)
        return Place(provider.title, form.replace("PROJECT", project or "PROJECT"), bool(project))
    if "REGION" not in form:
        return Place(provider.title, form, "ACCOUNT" not in form)
    # Alibaba's consoles show "oss-cn-hangzhou", OVH's "GRA".
    region = region.lower().removeprefix("oss-")
    address = form.replace("REGION", region)
    if region and providers.recognise(address) == (provider, region):
        return Place(provider.title, address, is_whole=True)
    return Place(provider.title, form)


def _project(environ: Mapping[str, str]) -> str:
    """Give the reference of a Supabase project, which is the first label of its address."""
    for name in ("SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL"):
        if found := re.fullmatch(r"https://([a-z0-9]{20})\.supabase\.co/?", environ.get(name, "").strip()):
            return found[1]
    given = (environ.get(name, "").strip() for name in ("SUPABASE_PROJECT_REF", "SUPABASE_PROJECT_ID"))
    return next((ref for ref in given if re.fullmatch(r"[a-z0-9]{20}", ref)), "")


def held(found: Iterable[Candidate]) -> dict[str, str]:
    """Give the addresses that candidates hold, each in full, with the name of the variable that holds it."""
    of_api = [one for one in found if one.variable == ENDPOINT]
    parts = [one for one in of_api if one.meaning.note == foreign.PART]
    whole = [one for one in of_api if one.meaning.note != foreign.PART and "ACCOUNT" not in foreign.words(one.name)]
    best = [one for one in whole if one.meaning.rank == max(two.meaning.rank for two in whole)]
    best.sort(key=lambda one: "URL" not in foreign.words(one.name))
    addresses: dict[str, str] = {}
    for one in best:
        if address := in_full(one.value, parts):
            addresses.setdefault(address, one.name)
    return addresses


def of_account(found: Iterable[Candidate]) -> dict[str, str]:
    """Give the address of R2 that an account's id makes, with the name of the variable that holds the id."""
    for one in found:
        is_account = one.variable == ENDPOINT and "ACCOUNT" in foreign.words(one.name)
        if is_account and re.fullmatch(r"[0-9a-f]{32}", one.value):
            return {providers.R2.form.replace("ACCOUNT", one.value): one.name}
    return {}


def in_full(value: str, parts: Iterable[Candidate] = ()) -> str:
    """Write an endpoint in full, with the scheme and port that other variables hold; "" if it is none."""
    if not re.search(r"[.:]", value) and not re.fullmatch(r"[a-z][a-z0-9-]*", value):
        return ""
    if value.lower() in values.TRUE | values.FALSE:
        return ""
    if "://" not in value:
        host = re.sub(r":\d+$", "", value)
        plain = is_local(host.strip("[]"))
        port = ""
        for one in parts:
            words = set(foreign.words(one.name))
            if words & {"SSL", "HTTPS", "SECURE", "TLS"} and one.value.lower() in values.TRUE | values.FALSE:
                plain = one.value.lower() in values.FALSE
            elif words & {"PROTOCOL", "SCHEME"}:
                plain = one.value.lower().startswith("http:") or one.value.lower() == "http"
            elif "PORT" in words and one.value.isdigit() and not port:
                port = one.value
        plain = plain and port != "443"
        is_needed = port and host == value and port != ("80" if plain else "443")
        value = f"{'http' if plain else 'https'}://{value}" + (f":{port}" if is_needed else "")
    return value
