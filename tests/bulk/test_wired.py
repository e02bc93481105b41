"""Small files on the wire: that they go there, over TLS too, and what is left to the other lanes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdall.bulk.places import Folder, Store
from holdall.bulk.wired import Wired
from tests.bulk.test_copy import MakeStore, contents, copy
from tests.contract import only
from tests.providers import Provider
from tests.servers.fault_proxy import (
    Answer,
    Exchange,
    FaultProxy,
    Gone,
    Request,
    Rule,
    answers,
    answers_500_after,
    answers_503_before,
    answers_a_page,
    cuts_answer,
    resets_after,
)
from tests.stores import build_storage

FILES = {f"{number:02}.txt": b"%d" % number * 900 for number in range(60)} | {"longer.bin": b"l" * 64_001}


@only("seaweedfs-http", "seaweedfs-https")
def test_small_files_go_on_the_wire_to_a_store_and_from_one_to_another(
    make_store: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[str] = []
    went = Wired.copy

    def watched(wired: Wired, steps: Any) -> Any:
        done = went(wired, steps)
        carried.extend(done)
        return done

    monkeypatch.setattr(Wired, "copy", watched)
    media, first, second = Folder(tmp_path), make_store("first"), make_store("second")
    for name, content in FILES.items():
        media.file(name).write_bytes(content)
    for source, destination in ((media, first), (first, second)):
        outcome = copy(source, destination)
        assert (outcome.copied.files, outcome.failures, len(outcome.unproven)) == (len(FILES), [], 0)
        assert sorted(carried) == sorted(FILES)
        carried.clear()
    assert contents(second) == FILES


def says(*pieces: str, ends: bool = False) -> Callable[[Exchange], None]:
    """Let the server do it, and give its answer in other words: HEAD is its headers and BODY what follows them."""

    def says_otherwise(exchange: Exchange) -> None:
        answer = exchange.forward()
        if answer.status != 200:
            exchange.answer(answer)
            return
        fields = [
            (name, value) for name, value in answer.headers if name.lower() not in {"content-length", "connection"}
        ]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        for piece in pieces:
            text = piece.replace("SHOUTED", head.upper() if not answer.body else head).replace("HEAD", head)
            data = (
                text.replace("LENGTH", str(len(answer.body))).replace("HEX", f"{len(answer.body):x}").encode("latin-1")
            )
            exchange.client.sendall(data.replace(b"BODY", answer.body))
        if ends:
            raise Gone

    return says_otherwise


def through(proxy: FaultProxy, provider: Provider, bucket: str, location: str) -> Store:
    storage: Any = build_storage(provider.environ(bucket, location=location) | {"AWS_S3_ENDPOINT_URL": proxy.url})
    return Store(storage)


WORDS = [
    says("HTTP/1.1 200 OK\r\nHEADTransfer-Encoding: chunked\r\n\r\n", "HEX\r\nBODY\r\n0\r\n\r\n"),
    says("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nHEADContent-Length: LENGTH\r\n\r\nBODY"),
    says("HTTP/1.1 200 OK\r\nHEADConnection: close\r\nContent-Length: LENGTH\r\n\r\nBODY", ends=True),
    says(*"HTTP/1.1 200 OK\r\n", "CONTENT-LENGTH:LENGTH\r", "\nHEAD", "\r", "\nBODY"),
    says("HTTP/1.0 200 OK\r\nHEADContent-Length: LENGTH\r\n\r\nBODY"),
    says("HTTP/1.1 200\r\nHEADcontent-length:   LENGTH  \r\n\r\n", "BODY", ends=True),
    says("HTTP/1.1 200 OK\r\nHEADContent-Length: LENGTH\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    says("HTTP/1.1 200 OK\r\nHEADContent-Length: LENGTH\r\n\r\nBODYand something unasked"),
    says("nothing that is HTTP\r\n\r\n", ends=True),
]


@only("seaweedfs-http")
def test_answers_in_other_words_lose_nothing(provider: Provider, bucket: str, location: str, tmp_path: Path) -> None:
    dice = random.Random(3)
    # Not what damages content: after that nothing more goes on the wire.
    faults = [*WORDS, answers_500_after, answers_503_before, cuts_answer(0), resets_after]
    touched: set[str] = set()

    def choose(request: Request) -> Any:
        # Once for each file; what comes after is the other lane's, which waits as long as it must.
        if request.operation not in {"PutObject", "GetObject"} or request.target in touched:
            return None
        touched.add(request.target)
        return dice.choice(faults)

    media = Folder(tmp_path)
    for name, content in FILES.items():
        media.file(name).write_bytes(content)
    with FaultProxy(provider.endpoint_url, choose=choose) as proxy:
        first, second = (through(proxy, provider, bucket, f"{location}/{name}") for name in ("first", "second"))
        for source, destination in ((media, first), (first, second)):
            outcome = copy(source, destination)
            assert (outcome.failures, outcome.conflicts) == ([], [])
            assert contents(destination) == FILES
            touched.clear()


@only("seaweedfs-http")
def test_what_cannot_be_looked_at_again_stops_nothing(
    provider: Provider, bucket: str, location: str, tmp_path: Path
) -> None:
    refused = Rule("HeadObject", answers(lambda request: Answer(403, is_head=True)), times=100)
    touched: set[str] = set()

    def choose(request: Request) -> Any:
        if request.operation != "PutObject" or "a.txt" not in request.target or request.target in touched:
            return None
        touched.add(request.target)
        return answers_a_page

    for name in ("a.txt", "b.txt"):
        Folder(tmp_path).file(name).write_bytes(b"content")
    with FaultProxy(provider.endpoint_url, refused, choose=choose) as proxy:
        outcome = copy(Folder(tmp_path), through(proxy, provider, bucket, location))
    assert (outcome.failures, outcome.copied.files) == ([], 2)
    assert len(touched) == 1
    assert refused.seen > 0
