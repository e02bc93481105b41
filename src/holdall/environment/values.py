"""Parse one value of the environment. Pure: text in, value out, or a `ValueError` whose text completes
"`VARIABLE` …" with what is wrong and what to write. Remarks are collected where something was corrected. Each sentence
carries the id of its kind of finding (`Said`), so that the doctor and the checks need not read it.

No text made here quotes a value that may be secret; the contract quotes only what is not.
Modules that few environments need are imported where they are needed: reading the contract is part of every start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Self

from holdall.providers import AMAZON_PLACES, AMAZON_REGION, DELIVERY_HOST, MAX_SIGNED_SECONDS, recognise

Remark = Callable[[str], None]
Parser = Callable[[str, Remark], Any]

TRUE = frozenset({"true", "yes", "on", "1"})
FALSE = frozenset({"false", "no", "off", "0"})
MODES = ("s3", "do", "local")
MAX_CACHE_SECONDS = 365 * 86400
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_QUOTES = ("'", '"')


class Said(str):
    """A sentence about a variable, with the id of the kind of finding it is (`holdall.doctor.catalogue` declares them)."""

    __slots__ = ("finding", "variable")

    finding: str
    variable: str

    def __new__(cls, text: str, finding: str = "D199", variable: str = "") -> Self:
        said = super().__new__(cls, text)
        said.finding, said.variable = finding, variable
        return said


def _refused(finding: str, text: str) -> ValueError:
    return ValueError(Said(text, finding))


def tidy(raw: str, remark: Remark) -> str | None:
    """Remove surrounding spaces, newlines and one pair of quotes, with a remark; an empty result is unset (None).

    `.env` files are parsed differently by different tools: some keep the quotes. Secrets made with `echo` end in a newline.
    """
    value = raw.strip()
    # A PEM key ends in a line break by right.
    if value != raw and not (value.endswith("-----") and raw.rstrip("\r\n") == value):
        what = "line breaks" if raw.strip(" \t") != value else "spaces"
        remark(Said(f"had {what} around its value, which were removed.", "D101"))
    if len(value) >= 2 and value[0] == value[-1] and value[0] in _QUOTES:
        value = value[1:-1].strip()
        remark(Said("had quotes around its value, which were removed; the tool that read the file kept them.", "D102"))
    return value or None


def quoted(value: str) -> str:
    """Show a value that is not secret, shortened, on one line; one that looks like a key is only described."""
    if re.match(r"[^\s/]+://[^@]*:[^@]*@", value):
        return f"an address with a password in it ({len(value)} characters, not shown)"
    if looks_like_a_key(value):
        return f"a text of {len(value)} characters (not shown: it looks like a key)"
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    return f'"{shown}"' if shown.isprintable() else ascii(shown)


def looks_like_a_key(value: str) -> bool:
    """Say whether a text holds what a secret looks like.

    Pasted into the wrong variable, a secret would be quoted by the very message that refuses it.
    """
    # PEM (CloudFront); hexadecimal digits or a UUID (R2, OVH, Scaleway).
    if "-----BEGIN" in value or re.search(r"[0-9A-Fa-f-]{32}", value):
        return True
    # A long run of mixed letters and digits (Amazon, Spaces, B2, Hetzner, Wasabi).
    runs = re.findall(r"[A-Za-z0-9+/]{16,}", value)
    return any(all(re.search(kind, run) for kind in ("[a-z]", "[A-Z]", "[0-9]")) for run in runs)


def with_comment(value: str) -> bool:
    """Say whether a value holds what some readers of `.env` files take for a comment."""
    return re.search(r"^# |\s#", value) is not None


def boolean(value: str, _remark: Remark) -> bool:
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise _refused("D103", f"is {quoted(value)}; write true or false.")


def mode(value: str, _remark: Remark) -> str:
    if value.lower() in MODES:
        return value.lower()
    # The time to compare grows with the length of the text, and a long text is not a typo.
    word = value.lower()[:20]
    hint = {"digitalocean": "do", "spaces": "do", "aws": "s3", "amazon": "s3"}.get(word) or nearest(word, MODES)
    raise _refused(
        "D104", f"is {quoted(value)}; write s3, do or local" + (f" (did you mean {hint}?)." if hint else ".")
    )


# Longer than that, no web server lets a request wait.
MAX_TIMEOUT_SECONDS = 600
# Ten years: what is meant to stay longer is no trash.
MAX_TRASH_SECONDS = 3650 * 86_400


def _seconds(value: str) -> int:
    match = re.fullmatch(r"([0-9]{1,9})\s*([smhd]?)", value, re.IGNORECASE)
    if not match:
        raise _refused("D105", f"is {quoted(value)}; write seconds, or a number with s, m, h or d: 900, 15m, 1h, 7d.")
    return int(match[1]) * _UNITS[match[2].lower()]


def cache_seconds(value: str, _remark: Remark) -> int:
    seconds = _seconds(value)
    if seconds > MAX_CACHE_SECONDS:
        raise _refused("D105", f"is {quoted(value)}; a file is cached for 365d at most.")
    return seconds


def duration_seconds(value: str, _remark: Remark) -> int:
    seconds = _seconds(value)
    if seconds == 0:
        raise _refused("D105", "is zero: no link would ever work; write at least 1s.")
    if seconds > MAX_SIGNED_SECONDS:
        raise _refused("D106", f"is {quoted(value)}; a signed link works for 7d at most.")
    return seconds


def timeout_seconds(value: str, _remark: Remark) -> int:
    match = re.fullmatch(r"([0-9]{1,9})\s*([sm]?)", value, re.IGNORECASE)
    if not match:
        raise _refused("D105", f"is {quoted(value)}; write seconds, or a number with s or m: 10, 10s, 1m.")
    seconds = int(match[1]) * _UNITS[match[2].lower()]
    if not 1 <= seconds <= MAX_TIMEOUT_SECONDS:
        raise _refused("D105", f"is {quoted(value)}; write at least 1s, and at most 10m.")
    return seconds


def bucket(value: str, _remark: Remark) -> str:
    """Check a bucket's name by the rules that all providers share.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) and ".." not in value:
        return value
    if value.lower().startswith("arn:"):
        raise _refused("D107", _arn(value))
    if "/" in value or ":" in value:
        raise _refused("D107", f"is {quoted(value)}; write only the bucket's name, without an address or a folder.")
    raise _refused(
        "D107", f"is {quoted(value)}; a bucket's name has 3 to 63 lower-case letters, digits, hyphens and dots."
    )


def _arn(value: str) -> str:
    """Say what to write instead of an ARN, which no link can lead to."""
    kind, _, name = value.rpartition(":")
    if name.endswith(".mrap") or (kind.endswith(":accesspoint") and "::" in value):
        return "is the ARN of a Multi-Region Access Point, which nothing here can use; write the name of one bucket."
    if ":accesspoint" in value or "accesspoint/" in name:
        return (
            "is the ARN of an access point; write its alias, which ends in -s3alias: `aws s3control list-access-points "
            "--account-id …` prints it."
        )
    return "is an ARN; write only the bucket's name, which is its last part."


def region(value: str, _remark: Remark) -> str:
    # It becomes a part of host names. OVH's console shows "GRA".
    if re.fullmatch(r"[A-Z0-9-]{2,63}", value) and not value.islower():
        raise _refused("D108", f"is {quoted(value)}; write the region's code in lower case, {value.lower()}.")
    if len(value) > 63 or not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", value):
        raise _refused("D108", f"is {quoted(value)}; write the region's code, such as eu-central-1.")
    if zone := re.fullmatch(r"([a-z]{2}(?:-[a-z]+)+-\d)[a-f]", value):
        raise _refused("D109", f"is {quoted(value)}, an availability zone; write its region, {zone[1]}.")
    return value


def amazon_region(value: str, remark: Remark) -> str:
    """Check a region where Amazon's host names are made of it: a slip is a host that does not exist."""
    if AMAZON_REGION.fullmatch(region(value, remark)):
        return value
    letters = value.replace("-", "")
    # Hyphens are what most slips lose.
    split = next((code for code in AMAZON_PLACES.values() if code.replace("-", "") == letters), None)
    meant = AMAZON_PLACES.get(value) or split
    hint = f" (did you mean {meant}?)." if meant else "."
    raise _refused("D108", f"is {quoted(value)}; write the code of one of Amazon's regions, such as eu-central-1{hint}")


def spaces_region(value: str, _remark: Remark) -> str:
    if not re.fullmatch(r"[a-z]{3}\d", value.lower()):
        raise _refused("D108", f"is {quoted(value)}; write the code of a Spaces region, such as ams3, fra1 or nyc3.")
    return value.lower()


def location(value: str, remark: Remark) -> str:
    if _is_address(value):
        raise _refused(
            "D157",
            f"is {quoted(value)}, an address; write only a folder of the bucket, such as media, or leave it out. The bucket, "
            "the region and the address of the API have variables of their own.",
        )
    cleaned = "/".join(part for part in value.split("/") if part)
    if any(part in {".", ".."} for part in cleaned.split("/")) or "\\" in cleaned or not cleaned.isprintable():
        raise _refused(
            "D119", f"is {quoted(value)}; write folder names joined by slashes, such as media or forks/pr-123."
        )
    if len(cleaned.encode()) > 512:
        raise _refused("D119", "is longer than 512 bytes; a key has 1,024 in all, which leaves too little for names.")
    if cleaned != value:
        remark(Said(f"had extra slashes; {quoted(cleaned)} is used.", "D120"))
    return cleaned


def _is_address(value: str) -> bool:
    """Say whether a location leads out of the bucket: an address of it that was copied from a guide or a panel."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/|//|arn:", value):
        return True
    host, _, port = value.partition("/")[0].lower().partition(":")
    below = host.partition(".")[2]
    return bool(
        (port.isdigit() and ("." in host or host == "localhost"))
        or DELIVERY_HOST.search(host)
        or any(recognise(f"https://{one}")[0].is_hosted for one in (host, below) if "." in one)
    )


def trash_seconds(value: str, _remark: Remark) -> int:
    seconds = _seconds(value)
    if not 1 <= seconds <= MAX_TRASH_SECONDS:
        raise _refused("D105", f"is {quoted(value)}; write at least 1s, and at most 3650d. Unset, deletes are final.")
    return seconds


def environment_name(value: str, _remark: Remark) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", value):
        raise _refused(
            "D121", f"is {quoted(value)}; write a short name of letters, digits, dots and hyphens, such as production."
        )
    return value


def key_text(value: str, _remark: Remark) -> str:
    """Check a key, key id or token without ever showing it: printable ASCII without spaces."""
    if not re.fullmatch(r"[!-~]+", value):
        raise _refused(
            "D122", "contains spaces, line breaks or non-ASCII characters; copy it again, in full and on its own."
        )
    return value


def looks_swapped(key_id: str, secret: str) -> bool:
    """Say whether a secret stands for the id and the id for the secret, by the shapes that Amazon's and Spaces' have."""
    return bool(
        re.fullmatch(r"[A-Za-z0-9+/]{40,43}", key_id)
        and re.fullmatch(r"(?:AKIA|ASIA|DO[A-Z0-9]{2})[A-Z0-9]{16}", secret)
    )


def private_key(value: str, _remark: Remark) -> str:
    """Read a PEM key that was put on one line: with literal `\\n`, as base64, or whole."""
    import base64
    import binascii

    text = value.replace("\\r", "").replace("\\n", "\n")
    if "-----BEGIN" not in text:
        try:
            text = base64.b64decode("".join(text.split()), validate=True).decode("ascii")
        except (binascii.Error, ValueError) as error:
            path = " A path belongs in the variable whose name ends in _FILE." if "/" in text[:3] else ""
            raise _refused("D123", f"is neither a PEM private key nor its base64 encoding.{path}") from error
    match = re.fullmatch(r"\s*-----BEGIN ((?:RSA )?PRIVATE KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*", text)
    body = "".join(match[2].split()) if match else ""
    if match is None or not _is_whole(body):
        raise _refused(
            "D123", "is not a complete, unencrypted PEM private key (-----BEGIN … PRIVATE KEY----- to -----END …)."
        )
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN {match[1]}-----\n{lines}\n-----END {match[1]}-----\n"


def _is_whole(body: str) -> bool:
    """Say whether base64 holds one DER sequence of exactly the length that it declares: a cut paste does not."""
    import base64
    import binascii

    try:
        der = base64.b64decode(body, validate=True)
    except binascii.Error:
        return False
    if len(der) < 4 or der[0] != 0x30 or der[1] not in {0x81, 0x82}:
        return False
    digits = der[1] - 0x80
    return len(der) == 2 + digits + int.from_bytes(der[2 : 2 + digits])


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that this one is most probably a typo of."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def slip(name: str, known: str) -> bool:
    """Say whether `name` is `known` with one letter (two, in a long name) lost, added, changed or swapped."""
    allowed = 1 if len(known) < 12 else 2
    return name != known and abs(len(name) - len(known)) <= allowed and _distance(name, known, allowed) <= allowed


def _distance(one: str, other: str, limit: int) -> int:
    """Count edits (optimal string alignment), giving up beyond `limit`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        before, row, previous = row, [i], before
        for j, right in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


# What takes a few words or numbers, and says which when it is given another.
CHOOSING = frozenset({boolean, mode, cache_seconds, duration_seconds, timeout_seconds, trash_seconds})
