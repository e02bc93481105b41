"""Single values: text in, value or a sentence out."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall import hosts
from holdall.environment import domains, endpoints, values
from holdall.secret import Secret

PLAIN = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def tidied(raw: str) -> tuple[str | None, list[str]]:
    remarks: list[str] = []
    return values.tidy(raw, remarks.append), remarks


# -- secrets


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(PLAIN)),
        str(Secret(PLAIN)),
        f"{Secret(PLAIN)}",
        f"{Secret(PLAIN)!r}",
        f"{Secret(PLAIN):>50}",
        "{}".format(Secret(PLAIN)),  # noqa: UP032  the ways that exist
        "%s" % Secret(PLAIN),  # noqa: UP031  one of the ways to print it
        "%r" % Secret(PLAIN),  # noqa: UP031  one of the ways to print it
        repr({"key": [Secret(PLAIN)]}),
        pprint.pformat({"key": [Secret(PLAIN)] * 9}, width=20),
    ],
)
def test_secret_shows_itself_in_no_way_of_showing(shown: str) -> None:
    assert "secret" in shown
    assert PLAIN not in shown


def test_secret_shows_itself_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("the key is %s, %r", Secret(PLAIN), {"key": Secret(PLAIN)})
    assert PLAIN not in caplog.text


def test_secret_shows_itself_in_no_local_of_a_traceback() -> None:
    def fails(key: Secret) -> None:
        raise RuntimeError(key)

    try:
        fails(Secret(PLAIN))
    except RuntimeError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "(secret)" in text
    assert "bPxRfi" not in text


def test_secret_is_the_plain_text_to_whoever_asks() -> None:
    assert Secret(PLAIN).reveal() == PLAIN
    assert type(Secret(PLAIN).reveal()) is str
    assert Secret(PLAIN) == PLAIN
    assert Secret(PLAIN).encode() == PLAIN.encode()


def test_secret_stays_one_when_copied() -> None:
    for again in (
        copy.copy(Secret(PLAIN)),
        copy.deepcopy({"key": Secret(PLAIN)})["key"],
        pickle.loads(pickle.dumps(Secret(PLAIN))),
    ):
        assert isinstance(again, Secret)
        assert again.reveal() == PLAIN


# -- tidying


@given(st.text())
def test_tidied_value_has_nothing_left_to_remove(raw: str) -> None:
    value, remarks = tidied(raw)
    assert value is None or (value and value == value.strip())
    assert bool(remarks) == (raw != (value or ""))


@given(st.text(st.characters(exclude_categories=["Z", "Cc"], exclude_characters="'\""), min_size=1))
def test_clean_value_is_kept_as_it_is(raw: str) -> None:
    assert tidied(raw) == (raw, [])


def test_break_at_the_end_of_a_pem_key_belongs_to_it() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"
    assert tidied(f"{pem}\n") == (pem, [])
    assert tidied(f"\n{pem}\n") == (pem, ["had line breaks around its value, which were removed."])


# -- quoting


@given(st.text())
def test_quoted_value_is_short_and_on_one_line(value: str) -> None:
    shown = values.quoted(value)
    assert shown.isprintable()
    assert len(shown) < 60 * 10 + 10


def test_long_value_is_shortened() -> None:
    assert values.quoted("word " * 20) == f'"{("word " * 20)[:57]}..."'


def test_control_characters_are_shown_escaped() -> None:
    assert values.quoted("a\x1b[31mb") == r"'a\x1b[31mb'"


@pytest.mark.parametrize(
    "secret",
    [
        PLAIN,  # Amazon
        "dop7RzKqY2LwX9vTn3BsMfHcUe8AjGi1NoZt6PyVk4W",  # Spaces
        "4f1c2d3e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d",  # R2
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",  # Scaleway
        "-----BEGIN PRIVATE KEY-----\nMIIB",
    ],
)
def test_what_looks_like_a_key_is_described_instead(secret: str) -> None:
    for value in (secret, f"x {secret}", f"https://{secret}@host"):
        assert values.quoted(value) == f"a text of {len(value)} characters (not shown: it looks like a key)"


@pytest.mark.parametrize(
    "value",
    [
        "My-Company-Production-Media-Bucket-2024",
        "s3.dualstack.eu-central-1.amazonaws.com",
        "Amsterdam",
        "acme/media/2024",
    ],
)
def test_what_looks_like_a_name_is_shown(value: str) -> None:
    assert values.quoted(value) == f'"{value}"'


# -- slips of the pen


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("STORAGE_MODE", "STORAGES_MODE"),
        ("AWS_SECERT_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("DO_REGOIN", "DO_REGION"),
        ("DOREGION", "DO_REGION"),
        ("STORAGE_BUKET_NAM", "STORAGE_BUCKET_NAME"),
    ],
)
def test_slip_is_recognised(name: str, known: str) -> None:
    assert values.slip(name, known)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("DO_REGION", "DO_REGION"),
        ("DO_REIGNS", "DO_REGION"),
        ("STORAGE_BUKT_NAM", "STORAGE_BUCKET_NAME"),
        ("AWS_PROFILE", "AWS_REGION"),
        ("", "DO_REGION"),
    ],
)
def test_other_name_is_no_slip(name: str, known: str) -> None:
    assert not values.slip(name, known)


@given(st.text(max_size=12), st.text(max_size=12))
def test_slips_are_mutual_between_names_of_one_length(one: str, other: str) -> None:
    other = other.ljust(len(one), "x")[: len(one)]
    assert values.slip(one, other) == values.slip(other, one)


@given(st.sampled_from(["STORAGES_MODE", "DO_REGION"]), st.data())
def test_every_single_edit_is_a_slip(known: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(known) - 1))
    letter = data.draw(st.sampled_from("ABCXYZ_19"))
    for slipped in (
        known[:at] + known[at + 1 :],
        known[:at] + letter + known[at:],
        known[:at] + letter + known[at + 1 :],
    ):
        assert values.slip(slipped, known) == (slipped != known)


# -- hosts


@pytest.mark.parametrize(
    "host", ["localhost", "cdn.localhost", "127.0.0.1", "::1", "10.1.2.3", "minio", "s3.internal", "100.64.0.1"]
)
def test_near_host_is_local(host: str) -> None:
    assert hosts.is_local(host)


@pytest.mark.parametrize(
    "host", ["s3.amazonaws.com", "8.8.8.8", "2606:4700::1111", "localhost.example.com", "203.0.113.5"]
)
def test_far_host_is_not_local(host: str) -> None:
    assert not hosts.is_local(host)


@pytest.mark.parametrize("host", ["minio", "minio.media.svc", "minio.media.svc.cluster.local", "host.docker.internal"])
def test_name_of_one_network_is_known_inside_alone(host: str) -> None:
    assert hosts.is_inside(host)


@pytest.mark.parametrize("host", ["localhost", "media.localhost", "127.0.0.1", "::1", "192.168.1.20", "s3.example.com"])
def test_host_that_browsers_may_reach_is_not_inside_alone(host: str) -> None:
    assert not hosts.is_inside(host)


def test_zone_of_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="is not the address of a server"):
        endpoints.endpoint("http://[fe80::1%25eth0]:9000", lambda _remark: None)


PARSERS = [
    values.boolean,
    values.mode,
    values.duration_seconds,
    values.bucket,
    values.region,
    values.spaces_region,
    endpoints.endpoint,
    domains.domain,
    values.location,
    values.environment_name,
    values.key_text,
    values.private_key,
]


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(value=st.one_of(st.text(), st.text("htps:/.[]@#?%0a-_", max_size=30)))
def test_any_text_gives_a_value_or_a_sentence(parse: values.Parser, value: str) -> None:
    remarks: list[str] = []
    try:
        parse(value, remarks.append)
    except ValueError as error:
        said = str(error)
        assert said.isprintable()
        assert said.startswith(("is ", "has ", "contains "))
        assert said.endswith((".", ")."))
    assert all(remark.endswith(".") for remark in remarks)


@given(st.text())
def test_only_the_listed_words_are_true(value: str) -> None:
    try:
        answer = values.boolean(value, lambda _remark: None)
    except ValueError:
        answer = False
    assert answer == (value.lower() in {"true", "yes", "on", "1"})


@given(st.from_regex(r"(https?://)?[a-zA-Z0-9.\[\]:-]{1,20}(:[0-9]{1,6})?/?", fullmatch=True))
def test_accepted_endpoint_is_stable(value: str) -> None:
    try:
        once = endpoints.endpoint(value, lambda _remark: None)
    except ValueError:
        return
    remarks: list[str] = []
    assert endpoints.endpoint(once, remarks.append) == once
    assert json.dumps(once).isascii()


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
def test_sentence_about_a_huge_value_is_short(parse: values.Parser) -> None:
    if parse is values.key_text:
        assert parse("a" * 1_000_000, print)
        return
    with pytest.raises(ValueError, match=r"^.{1,200}$"):
        parse("a" * 1_000_000, print)
