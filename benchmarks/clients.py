"""Small operations beside the fastest Python clients of S3: saving, reading, asking whether a file exists, a new link.

The clients do less: they choose no free name, ask for no condition, and know nothing of types and headers.
minio-py and obstore come with the dependency group `bench`; where one is not installed it is left out, and named.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from importlib.util import find_spec
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.core.files.base import ContentFile

from benchmarks.contenders import ours, sdk, theirs
from benchmarks.measuring import KIB, Row, Site, cpu_seconds, scaled

DATA = bytes(range(256)) * (20 * KIB // 256)
READ = "read.bin"
LINK_SECONDS = 3600


class Client(NamedTuple):
    """The four operations, each on the name of a file."""

    save: Callable[[str], object]
    read: Callable[[str], bytes]
    exists: Callable[[str], object]
    link: Callable[[str], object]


def _of_storage(storage: Any) -> Client:
    def read(name: str) -> bytes:
        with storage.open(name) as file:
            return bytes(file.read())

    return Client(lambda name: storage.save(name, ContentFile(DATA)), read, storage.exists, storage.url)


def holdall(environ: Mapping[str, str]) -> Client:
    return _of_storage(ours(environ))


def django_storages(environ: Mapping[str, str]) -> Client:
    return _of_storage(theirs(environ))


def boto3(environ: Mapping[str, str]) -> Client:
    client, bucket, location = sdk(environ), environ["STORAGE_BUCKET_NAME"], environ["STORAGE_LOCATION"]

    def place(name: str) -> dict[str, str]:
        return {"Bucket": bucket, "Key": f"{location}/{name}"}

    return Client(
        lambda name: client.put_object(**place(name), Body=DATA),
        lambda name: bytes(client.get_object(**place(name))["Body"].read()),
        lambda name: client.head_object(**place(name)),
        lambda name: client.generate_presigned_url("get_object", place(name), LINK_SECONDS),
    )


def minio(environ: Mapping[str, str]) -> Client:
    from minio import Minio

    endpoint = urlsplit(environ["AWS_S3_ENDPOINT_URL"])
    client = Minio(
        endpoint.netloc,
        access_key=environ["AWS_ACCESS_KEY_ID"],
        secret_key=environ["AWS_SECRET_ACCESS_KEY"],
        secure=endpoint.scheme == "https",
        # Without it the first request asks for it.
        region=environ.get("AWS_S3_REGION_NAME", "us-east-1"),
    )
    bucket, location = environ["STORAGE_BUCKET_NAME"], environ["STORAGE_LOCATION"]

    def read(name: str) -> bytes:
        answer = client.get_object(bucket, f"{location}/{name}")
        try:
            return bytes(answer.read())
        finally:
            answer.close()
            answer.release_conn()

    lifetime = timedelta(seconds=LINK_SECONDS)
    return Client(
        lambda name: client.put_object(bucket, f"{location}/{name}", io.BytesIO(DATA), len(DATA)),
        read,
        lambda name: client.stat_object(bucket, f"{location}/{name}"),
        lambda name: client.presigned_get_object(bucket, f"{location}/{name}", lifetime),
    )


def obstore(environ: Mapping[str, str]) -> Client:
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        environ["STORAGE_BUCKET_NAME"],
        prefix=environ["STORAGE_LOCATION"],
        endpoint=environ["AWS_S3_ENDPOINT_URL"],
        access_key_id=environ["AWS_ACCESS_KEY_ID"],
        secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        region=environ.get("AWS_S3_REGION_NAME", "us-east-1"),
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    lifetime = timedelta(seconds=LINK_SECONDS)
    return Client(
        lambda name: obstore.put(store, name, DATA),
        lambda name: bytes(obstore.get(store, name).bytes()),
        lambda name: obstore.head(store, name),
        lambda name: obstore.sign(store, "GET", name, lifetime),
    )


BUILDERS: dict[str, Callable[[Mapping[str, str]], Client]] = {
    "holdall": holdall,
    "minio": minio,
    "obstore": obstore,
    "boto3": boto3,
    "django_storages": django_storages,
}


OPTIONAL = ("minio", "obstore")


def left_out() -> list[str]:
    """Name the clients that are not installed here."""
    return [who for who in OPTIONAL if find_spec(who) is None]


def measure(site: Site) -> Iterator[Row]:
    absent = left_out()
    clients = {who: build(site.environ(f"c-{who}")) for who, build in BUILDERS.items() if who not in absent}
    for who, client in clients.items():
        client.save(READ)
        assert client.read(READ) == DATA, who
    number = itertools.count()

    def new(deed: Callable[[str], object]) -> Callable[[], object]:
        return lambda: deed(f"photos/file-{next(number)}.jpg")

    deeds: dict[str, Callable[[Client], Callable[[], object]]] = {
        "save 20 KiB": lambda client: new(client.save),
        "read 20 KiB": lambda client: lambda: client.read(READ),
        "exists": lambda client: lambda: client.exists(READ),
        "new link": lambda client: new(client.link),
    }
    for title, deed in deeds.items():
        # A link costs so little that it takes many to be measured.
        repeat = 400 if title == "new link" else 40
        seconds = cpu_seconds({who: deed(client) for who, client in clients.items()}, repeat=repeat)
        within = {"obstore": 2.5} | ({"minio": 1} if title.startswith("save") else {})
        yield Row(title, "µs of CPU", scaled(seconds, 1e6), within=within)
