"""Layer `values`: what the environment says, variable by variable, and where each value comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from holdall.doctor.examination import Examination, probes
from holdall.environment.contract import Reading
from holdall.environment.entries import UNNAMED
from holdall.environment.store import summary
from holdall.findings import Finding, Kind, Level

ERROR, WARNING = Level.ERROR, Level.WARNING

USABLE = Kind("D150", Level.OK, "The environment describes a usable store", "The whole contract was read.")
SOURCES = Kind("D151", Level.OK, "Every value and where it comes from", "As `holdall env` prints them.")
EMPTY = Kind(
    "D152",
    Level.NOTICE,
    "A variable is set but empty",
    "Empty counts as unset here; other tools take it for a value, and boto3 falls back to other keys.",
    "Give it a value, or unset it.",
    ("A7",),
)
PROFILE = Kind(
    "D153",
    Level.NOTICE,
    "The keys come from a profile of this machine",
    "`AWS_PROFILE` decides whose keys are used, as no pair stands in the environment; another machine has others.",
    "Set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` where it is not meant.",
    ("A8",),
)

# What the sentences of the contract come to; VARIABLE stands for the variable, OTHER for the second one that is named.
KINDS = (
    Kind(
        "D101",
        WARNING,
        "A value had blanks or line breaks around it",
        "They were removed here; boto3 and other tools read the value as it is, and sign with a wrong key.",
        "Write `VARIABLE` without them; a file made with `echo` ends in a line break, `printf %s` makes none.",
        ("A5",),
    ),
    Kind(
        "D102",
        WARNING,
        "A value had quotes around it",
        "They were removed here; `docker --env-file` and the like keep them, and other tools take them for a part of it.",
        "Write `VARIABLE=…` without quotes.",
        ("A5",),
    ),
    Kind(
        "D103",
        ERROR,
        "A boolean is neither true nor false",
        "Guessing could publish private files, so nothing is guessed.",
        "VARIABLE=true   # or false",
        ("A6",),
    ),
    Kind(
        "D104",
        ERROR,
        "The mode is unknown",
        "It decides where files are kept; nothing is guessed.",
        "VARIABLE=s3   # or do, or local",
        ("A3",),
    ),
    Kind(
        "D105",
        ERROR,
        "A duration cannot be read",
        "Links would live for a time that nobody chose.",
        "VARIABLE=1h   # or seconds, 15m, 7d",
        ("A6",),
    ),
    Kind(
        "D106",
        ERROR,
        "Links are asked to live longer than a signature may",
        "S3 refuses every link that is signed for more than seven days.",
        "VARIABLE=7d",
        ("F2",),
    ),
    Kind(
        "D107",
        ERROR,
        "The bucket's name is none",
        "No bucket can have this name.",
        "VARIABLE=…   # the bucket's name alone, as the console shows it",
        ("A4", "C1"),
    ),
    Kind(
        "D108",
        ERROR,
        "The region is not a region's code",
        "It becomes a part of host names and of every signature.",
        "VARIABLE=…   # its code, such as eu-central-1; Spaces: ams3",
        ("C5",),
    ),
    Kind(
        "D109",
        ERROR,
        "An availability zone stands for the region",
        "Buckets lie in regions; requests signed for a zone are refused.",
        "Write `VARIABLE` without the letter at its end.",
        ("C5",),
    ),
    Kind(
        "D110",
        WARNING,
        "The endpoint had no scheme",
        "https:// was put before it; other tools refuse such an address.",
        "Write `VARIABLE` with https:// at its beginning.",
        ("C2",),
    ),
    Kind(
        "D111",
        ERROR,
        "The endpoint is no address",
        "Nothing can be reached there.",
        "VARIABLE=https://…   # the address of the S3 API",
        ("C2",),
    ),
    Kind(
        "D112",
        ERROR,
        "An address contains a user name or password",
        "It would stand in every log; S3 knows keys only.",
        "Write `VARIABLE` as the address alone; the keys have variables of their own.",
    ),
    Kind(
        "D113",
        ERROR,
        "A CDN's host stands for the endpoint",
        "It delivers files but is no S3 API: every upload would be refused.",
        "Put this host into `AWS_S3_CUSTOM_DOMAIN`, and the API's address into `VARIABLE`.",
        ("C1",),
    ),
    Kind(
        "D114",
        ERROR,
        "The endpoint has a path",
        "The bucket, or a folder, was copied with it: files would land in a folder of its name.",
        "Write `VARIABLE` up to the host; the bucket goes into `STORAGE_BUCKET_NAME`, a folder into `STORAGE_LOCATION`.",
        ("C1",),
    ),
    Kind(
        "D115",
        WARNING,
        "The endpoint is plain http",
        "Files and signatures cross the network unprotected, and browsers block http links on https pages.",
        "Write `VARIABLE` with https://.",
        ("C2",),
    ),
    Kind(
        "D116",
        WARNING,
        "The CDN domain was more than a domain",
        "It was reduced to its host; other tools make links like https://https://… of it.",
        "Write `VARIABLE` as a host alone, such as media.example.com.",
        ("E1",),
    ),
    Kind(
        "D118",
        ERROR,
        "The CDN domain is none",
        "Every link would be broken.",
        "VARIABLE=media.example.com   # a host alone",
        ("E1",),
    ),
    Kind(
        "D119",
        ERROR,
        "The location cannot be a folder in the bucket",
        "Every key begins with it.",
        "VARIABLE=media   # folder names joined by slashes",
        ("G11",),
    ),
    Kind(
        "D120",
        WARNING,
        "The location had superfluous slashes",
        "They were removed; in S3 two slashes are another key than one.",
        "Write `VARIABLE` without slashes at its ends.",
        ("G11",),
    ),
    Kind(
        "D121",
        ERROR,
        "The environment's name cannot be used",
        "It is written into the owner marker, for people and programs to compare.",
        "VARIABLE=production",
    ),
    Kind(
        "D122",
        ERROR,
        "A key has something in it that keys do not have",
        "Every signature made with it would be wrong.",
        "Copy `VARIABLE` again, whole and alone.",
        ("A5",),
    ),
    Kind(
        "D123",
        ERROR,
        "CloudFront's private key cannot be read",
        "No private link could be signed for the CDN domain.",
        "VARIABLE=\"$(base64 < private_key.pem | tr -d '\\n')\"",
        ("E7",),
    ),
    Kind(
        "D124",
        ERROR,
        "A secret stands in a variable that is not secret",
        "It would be in every link and every log.",
        "Write `VARIABLE`'s own value; make a new pair of keys, this one may be known.",
    ),
    Kind(
        "D125",
        ERROR,
        "A variable has a name that nobody reads",
        "Its value has no effect, and what it was meant for is unset.",
        "Rename `VARIABLE` to `OTHER`.",
        ("A3",),
    ),
    Kind(
        "D126",
        WARNING,
        "A leftover variable is read by nobody",
        "It has no effect; whoever changes it will wonder.",
        "Unset `VARIABLE`.",
        ("A3",),
    ),
    Kind(
        "D127",
        WARNING,
        "A variable of the SDK's does not redirect the storage",
        "boto3 and the AWS CLI follow it, Holdall does not: media must not move because of an ambient variable.",
        "Set `AWS_S3_ENDPOINT_URL` if it is meant for the media.",
        ("A8",),
    ),
    Kind(
        "D129",
        WARNING,
        "A variable is not used in this mode",
        "It has no effect.",
        "Unset `VARIABLE`, or set `STORAGES_MODE` to the mode that is meant.",
        ("A3",),
    ),
    Kind(
        "D130",
        ERROR,
        "Two names of the bucket contradict each other",
        "Files would land in one of two buckets, and nobody chose which.",
        "Unset `OTHER`.",
        ("A3",),
    ),
    Kind(
        "D131",
        ERROR,
        "The bucket is not named",
        "There is no place for files.",
        "VARIABLE=…   # the bucket's name",
        ("A4",),
    ),
    Kind(
        "D132",
        ERROR,
        "Endpoint and region contradict each other",
        "Requests would be signed for another region than they go to, and refused.",
        "Unset `VARIABLE`, and set `OTHER` to the region of the Space.",
        ("C3", "C5"),
    ),
    Kind(
        "D133",
        ERROR,
        "The bucket stands in the endpoint too",
        "Files would lie in a folder named like the bucket, or the host would not exist.",
        "Write `VARIABLE` without the bucket in front.",
        ("C1",),
    ),
    Kind(
        "D134",
        WARNING,
        "The endpoint begins like the bucket",
        "If that is the bucket, files will lie in a folder of its name.",
        "Compare `VARIABLE` with what the provider calls its endpoint.",
        ("C1",),
    ),
    Kind(
        "D135",
        ERROR,
        "A key of the Space is missing",
        "Spaces knows no other way to say who asks.",
        "VARIABLE=…   # made under API → Spaces Keys",
        ("B2",),
    ),
    Kind(
        "D136",
        ERROR,
        "Half a key pair",
        "Neither half is of use alone, and boto3 would fail or look for other keys.",
        "OTHER=…",
        ("B2",),
    ),
    Kind(
        "D137",
        ERROR,
        "A key is nothing but blanks or quotes",
        "boto3 would take it for a key, and sign with it.",
        "unset VARIABLE",
        ("A7", "A5"),
    ),
    Kind(
        "D138",
        ERROR,
        "A session token without its keys",
        "A token belongs to one pair of temporary keys.",
        "Set all three, or unset `VARIABLE`.",
        ("B2", "B1"),
    ),
    Kind(
        "D139",
        ERROR,
        "Temporary keys without their session token",
        "The store would say that it does not know the key, although it works in the tool that it was copied from.",
        "OTHER=…   # or, on AWS, unset all three",
        ("B1",),
    ),
    Kind(
        "D140",
        ERROR,
        "Half of CloudFront's key material",
        "Links can be signed only with both.",
        "OTHER=…",
        ("E7",),
    ),
    Kind(
        "D141",
        ERROR,
        "Public files have no CDN domain",
        "They are served from the CDN in front of the bucket; without its domain there are no links.",
        "VARIABLE=media.example.com   # Spaces: BUCKET.REGION.cdn.digitaloceanspaces.com",
        ("E3",),
    ),
    Kind(
        "D142",
        WARNING,
        "CloudFront's keys are not used",
        "Links to public files are not signed.",
        "Unset them, or `STORAGE_MAKE_FILES_PUBLIC`.",
        ("E7",),
    ),
    Kind(
        "D143",
        WARNING,
        "The CDN domain is not used",
        "Files are private and nothing signs links for this domain: it would refuse everyone.",
        "Set CloudFront's keys (mode s3), or STORAGE_MAKE_FILES_PUBLIC=true if everybody may see every file.",
        ("E4",),
    ),
    Kind(
        "D144",
        ERROR,
        "CloudFront's keys have no domain to sign for",
        "A signed link names the CDN domain.",
        "OTHER=…   # the distribution's domain",
        ("E7",),
    ),
    Kind(
        "D145",
        ERROR,
        "The parent is the fork's own store, or lies inside it",
        "What the fork deletes, replaces or drops would be its parent's.",
        "STORAGE_LOCATION=forks/…   # or a bucket of the fork's own",
    ),
    Kind(
        "D146",
        WARNING,
        "The parent is said to be built",
        "It has no effect: an image is built for the fork.",
        "Unset `VARIABLE`.",
    ),
    Kind(
        "D147",
        WARNING,
        "Key id and secret look swapped",
        "The store would say that it does not know the key; and an id stands in every link, so a secret would too.",
        "Swap `VARIABLE` and `OTHER`.",
        ("B3",),
    ),
    Kind(
        "D148",
        WARNING,
        "A name of other tools' is not read here",
        "It has no effect on the storage, and what it may have been meant for is unset.",
        "Set `OTHER` if it is meant for the storage.",
        ("A3",),
    ),
    Kind(
        "D149",
        WARNING,
        "A value has a # in it",
        "Comments after values are not stripped: what was meant as one would be a part of every key.",
        "Write the comment on a line of its own, or `VARIABLE` without the #.",
        ("G11",),
    ),
    Kind("D198", WARNING, "Something in the environment is worth a look", "It was put right, or has no effect."),
    Kind(UNNAMED, ERROR, "The environment does not describe a usable store", "The storage cannot be made of it."),
)
BY_ID = {kind.id: kind for kind in KINDS}
MISNAMED = "D125"
MISSING = frozenset({"D131", "D135", "D136", "D138", "D139", "D140", "D141", "D144"})


def probe_contract(examination: Examination) -> Iterator[Finding]:
    """Say all that is wrong or odd, each with the shape of the value and where it comes from."""
    reading = examination.reading
    if reading is None:
        return
    renamed = {_named(said)[1] for said in reading.problems if getattr(said, "finding", "") == MISNAMED}
    for said in reading.problems:
        finding = getattr(said, "finding", UNNAMED)
        # What is missing because it was given under another name has been named.
        if finding not in MISSING or not renamed & set(_named(said)):
            yield _finding(said, BY_ID[finding], examination)
    for said in reading.warnings:
        finding = getattr(said, "finding", UNNAMED)
        yield _finding(said, BY_ID["D198" if finding == UNNAMED else finding], examination)


def _finding(said: str, kind: Kind, examination: Examination) -> Finding:
    variable, other = _named(said)
    remedy = kind.do.replace("VARIABLE", variable).replace("OTHER", other)
    return kind.found(f"{said}{_shape(variable, examination)}", do=remedy)


def _named(said: str) -> tuple[str, str]:
    """Give the variable that a sentence is about, and the other one that it names; "" where there is none."""
    variable = str(getattr(said, "variable", ""))
    return variable, next((name for name in re.findall(r"`([A-Z0-9_]+)`", said) if name != variable), "")


def _shape(variable: str, examination: Examination) -> str:
    """Describe a value without showing it: its length, how it ends, and its source."""
    if (value := examination.environ.get(variable)) is None:
        return ""
    ends = ", ends with a line break" if value.endswith(("\n", "\r")) else ""
    letters = "1 character" if len(value) == 1 else f"{len(value)} characters"
    return f" ({letters}{ends}; from {examination.sources.get(variable, 'the environment')})"


def probe_empty_variables(examination: Examination) -> Iterator[Finding]:
    """Name the variables that are set to nothing."""
    reading = examination.reading
    if reading is None:
        return
    told = {getattr(said, "variable", "") for said in (*reading.problems, *reading.warnings)}
    for row in reading.settings:
        value = examination.environ.get(row.name)
        if value is not None and not value.strip() and row.name not in told:
            yield EMPTY.found(f"`{row.name}`{_shape(row.name, examination)}")


def probe_profile(examination: Examination) -> Iterator[Finding]:
    """Say when a profile of the machine decides whose keys are used."""
    reading = examination.reading
    profile = examination.environ.get("AWS_PROFILE", "").strip()
    if profile and reading and reading.store and reading.store.keys is None and reading.store.mode == "s3":
        yield PROFILE.found(f'`AWS_PROFILE` is "{profile}"')


def probe_sources(examination: Examination) -> Iterator[Finding]:
    """Say what store it is, and where every value comes from."""
    reading = examination.reading
    if reading is None or reading.problems:
        return
    if reading.store is not None:
        yield USABLE.found(summary(reading.store))
    yield SOURCES.found("; ".join(_sources(reading, examination)))


def _sources(reading: Reading, examination: Examination) -> Iterator[str]:
    for row in reading.settings:
        if row.value:
            source = examination.sources.get(row.name, row.source) if row.source == "environment" else row.source
            yield f"{row.name}={row.value} ({source})"


PROBES = probes(probe_contract, probe_empty_variables, probe_profile, probe_sources)
