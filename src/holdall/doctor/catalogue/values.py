"""Findings of the layer `values`: what is wrong with one variable's value.

`VARIABLE` stands for the variable that a finding is about, and `OTHER` for the second one that it names.
"""

from __future__ import annotations

from functools import partial

from holdall.environment.entries import UNNAMED
from holdall.findings import Kind, Level

# Of this module, and of those for names and for combinations.
EVIDENCE = (
    "The environment's variables. Nothing is sent. Below, `VARIABLE` and `OTHER` stand for the variables that the "
    "finding names."
)
_Kind = partial(Kind, evidence=EVIDENCE)

USABLE = Kind("D150", Level.OK, "The environment describes a usable store", "All variables were read.")
SOURCES = Kind("D151", Level.OK, "Where the values come from", "`holdall env` prints all of them.")
EMPTY = _Kind(
    "D152",
    Level.NOTICE,
    "A variable is set but empty",
    "Holdall treats it as unset. Other tools use the empty value, and boto3 may look for other keys.",
    "Give it a value, or unset it.",
    ("A7",),
)
PROFILE = _Kind(
    "D153",
    Level.NOTICE,
    "The keys come from a profile on this machine",
    "The environment has no keys, so `AWS_PROFILE` decides which ones are used. Another machine has other profiles.",
    "If that is not what you want, set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.",
    ("A8",),
)
REGION_OF_ANOTHER = _Kind(
    "D154",
    Level.ERROR,
    "The region is another provider's, and no endpoint is set",
    "Without an endpoint, requests go to Amazon, which has no such region.",
    "AWS_S3_ENDPOINT_URL=https://…   # for a Space instead: STORAGES_MODE=do and DO_REGION",
    ("C5", "A3"),
)
REGION_ELSEWHERE = _Kind(
    "D155",
    Level.ERROR,
    "The region of the Space is in another variable",
    "Mode do reads the region from `DO_REGION` alone, so files would go to a Space of that name in another region.",
    "DO_REGION=…   # the region of the Space; unset VARIABLE",
    ("A3", "C5"),
)
PLACEHOLDER = _Kind(
    "D156",
    Level.ERROR,
    "A placeholder was not replaced",
    "The value is one that guides and templates use for a value that is missing. Requests would be refused.",
    "VARIABLE=…   # or unset it",
    ("A4", "A7"),
)
LOCATION_IS_ADDRESS = _Kind(
    "D157",
    Level.ERROR,
    "The location is an address",
    "The location is a folder in the bucket, so every key would begin with the address.",
    "VARIABLE=media   # or unset it",
    ("A3", "E2"),
)
STYLE_IMPOSSIBLE = _Kind(
    "D158",
    Level.ERROR,
    "The addressing style is not possible",
    "Requests would go to a host that does not exist, or whose certificate does not cover it.",
    "Unset `AWS_S3_ADDRESSING_STYLE`: the provider's own style is then used.",
    ("C6",),
)
STYLE_DOUBTFUL = _Kind(
    "D159",
    Level.WARNING,
    "The addressing style may not work",
    "Whether the host exists, or the provider accepts the style, depends on this system or on when the bucket was created.",
    "Unset `VARIABLE`: the provider's own style is then used.",
    ("C6",),
)
ADJUSTED = _Kind(
    "D198",
    Level.WARNING,
    "Something in the environment needs attention",
    "It was corrected, or it has no effect.",
    "Correct the variable as the message says.",
)
UNUSABLE = _Kind(
    UNNAMED,
    Level.ERROR,
    "The environment does not describe a usable store",
    "The storage cannot be created from it.",
    "Correct the variable as the message says.",
)

# -- one value

BLANKS = _Kind(
    "D101",
    Level.WARNING,
    "A value has whitespace around it",
    "Holdall removed it. boto3 and other tools use the value as it is, and sign with a wrong key.",
    "Remove the whitespace from `VARIABLE`. A file made with `echo` ends in a line break; `printf %s` adds none.",
    ("A5",),
)
QUOTES = _Kind(
    "D102",
    Level.WARNING,
    "A value has quotes around it",
    "Holdall removed them. `docker --env-file` keeps quotes, and other tools treat them as part of the value.",
    "Write the value of `VARIABLE` without quotes.",
    ("A5",),
)
NO_BOOLEAN = _Kind(
    "D103",
    Level.ERROR,
    "A boolean is neither true nor false",
    "A wrong guess could publish private files, so Holdall does not guess.",
    "VARIABLE=true   # or false",
    ("A6",),
)
NO_MODE = _Kind(
    "D104",
    Level.ERROR,
    "The mode is unknown",
    "The mode decides where files are kept, so Holdall does not guess.",
    "VARIABLE=s3   # or do, or local",
    ("A3",),
)
NO_DURATION = _Kind(
    "D105",
    Level.ERROR,
    "A duration cannot be read",
    "Without it, nobody has decided how long links work, or requests wait.",
    "VARIABLE=1h   # or seconds, 15m, 7d",
    ("A6",),
)
TOO_LONG = _Kind(
    "D106",
    Level.ERROR,
    "The lifetime of links is longer than S3 allows",
    "S3 refuses links that are signed for more than seven days.",
    "VARIABLE=7d",
    ("F2",),
)
NO_BUCKET_NAME = _Kind(
    "D107",
    Level.ERROR,
    "The bucket's name is not valid",
    "No bucket can have this name.",
    "VARIABLE=…   # only the bucket's name, as the console shows it",
    ("A4", "C1"),
)
NO_REGION = _Kind(
    "D108",
    Level.ERROR,
    "The region is not a region code",
    "The region is part of host names and of every signature.",
    "VARIABLE=…   # a code such as eu-central-1; Spaces: ams3",
    ("C5",),
)
ZONE = _Kind(
    "D109",
    Level.ERROR,
    "The region is an availability zone",
    "Buckets are in regions. Requests that are signed for a zone are refused.",
    "Remove the letter at the end of `VARIABLE`.",
    ("C5",),
)
NO_SCHEME = _Kind(
    "D110",
    Level.WARNING,
    "The endpoint has no scheme",
    "Holdall added https://, or http:// for a private host. Other tools reject an endpoint without a scheme.",
    "Write the scheme at the beginning of `VARIABLE`.",
    ("C2",),
)
NO_ENDPOINT = _Kind(
    "D111",
    Level.ERROR,
    "The endpoint is not an address",
    "Nothing can be reached there.",
    "VARIABLE=https://…   # the address of the S3 API",
    ("C2",),
)
SECRET_IN_ADDRESS = _Kind(
    "D112",
    Level.ERROR,
    "An address contains a user name or password",
    "It would appear in every log. S3 does not use passwords.",
    "Set `VARIABLE` to the address only. The keys have variables of their own.",
)
CDN_AS_ENDPOINT = _Kind(
    "D113",
    Level.ERROR,
    "The endpoint is a CDN's host",
    "A CDN delivers files but is not an S3 API: every upload would be refused.",
    "Set `AWS_S3_CUSTOM_DOMAIN` to this host, and `VARIABLE` to the address of the S3 API.",
    ("C1",),
)
PATH_IN_ENDPOINT = _Kind(
    "D114",
    Level.ERROR,
    "The endpoint has a wrong path",
    "A path is right only where the S3 API itself is below it. This one is probably a bucket or folder that was copied with "
    "the address, and files would end up in a folder of that name.",
    "Write `VARIABLE` as the message says. The bucket belongs in `STORAGE_BUCKET_NAME`, a folder in `STORAGE_LOCATION`.",
    ("C1",),
)
PLAIN_HTTP = _Kind(
    "D115",
    Level.WARNING,
    "The endpoint uses plain HTTP",
    "Files and signatures cross the network unencrypted, and browsers block http links on https pages.",
    "Use https:// in `VARIABLE`.",
    ("C2",),
)
DOMAIN_TIDIED = _Kind(
    "D116",
    Level.WARNING,
    "The CDN domain was tidied",
    "Holdall removed extra slashes, or encoded what links encode. Other tools use the value as it is.",
    "Set `VARIABLE` to what the message shows.",
    ("E1",),
)
NO_DOMAIN = _Kind(
    "D118",
    Level.ERROR,
    "The CDN domain is not valid",
    "Every link begins with it, so every link would be broken.",
    "VARIABLE=media.example.com   # or with a port and a path: localhost:9000/media",
    ("E1",),
)
PLAIN_HTTP_DOMAIN = _Kind(
    "D160",
    Level.WARNING,
    "The CDN domain uses plain HTTP",
    "What visitors fetch can be read and changed on the way, and browsers block http links on https pages.",
    "Remove http:// from `VARIABLE` if the host answers https.",
    ("C2",),
)
NO_LOCATION = _Kind(
    "D119",
    Level.ERROR,
    "The location cannot be a folder in the bucket",
    "Every key begins with the location.",
    "VARIABLE=media   # folder names separated by slashes",
    ("G11",),
)
SLASHES = _Kind(
    "D120",
    Level.WARNING,
    "The location has extra slashes",
    "Holdall removed them. In S3, a key with two slashes is not the same as a key with one.",
    "Remove the slashes from the beginning and end of `VARIABLE`.",
    ("G11",),
)
NO_ENVIRONMENT_NAME = _Kind(
    "D121",
    Level.ERROR,
    "The environment's name cannot be used",
    "The name is written into the owner marker, where people and programs compare it.",
    "VARIABLE=production",
)
NO_KEY = _Kind(
    "D122",
    Level.ERROR,
    "A key contains characters that keys never have",
    "Every signature made with it would be wrong.",
    "Copy `VARIABLE` again, complete and with nothing around it.",
    ("A5",),
)
NO_PRIVATE_KEY = _Kind(
    "D123",
    Level.ERROR,
    "CloudFront's private key cannot be read",
    "Private links for the CDN domain could not be signed.",
    "VARIABLE=\"$(base64 < private_key.pem | tr -d '\\n')\"",
    ("E7",),
)
SECRET_ELSEWHERE = _Kind(
    "D124",
    Level.ERROR,
    "A variable that is not secret contains a secret",
    "The secret would appear in every link and every log.",
    "Set `VARIABLE` to its own value, and replace the key pair: others may know this one.",
)
HASH = _Kind(
    "D149",
    Level.WARNING,
    "A value contains a #",
    "Comments after a value are not removed: the text after the # becomes part of every key.",
    "Write the comment on its own line, or remove the # from `VARIABLE`.",
    ("G11",),
)
TWO_SOURCES = _Kind(
    "D180",
    Level.ERROR,
    "A key is set, and a file that holds it is named too",
    "Nobody has decided which of the two is the key.",
    "Unset `VARIABLE` or `OTHER`.",
    ("A7",),
)
KEY_FILE_UNREADABLE = _Kind(
    "D181",
    Level.ERROR,
    "The file that holds a key cannot be used",
    "Without its content there is no key.",
    "Check that the secret is mounted at that path, and that the user that runs this process can read it.",
    ("A7",),
)
KEY_FILE_EMPTY = _Kind(
    "D182",
    Level.ERROR,
    "The file that holds a key is empty",
    "An empty key is no key, and boto3 would look for others.",
    "Write the key into the file, or unset `VARIABLE`.",
    ("A7",),
)
