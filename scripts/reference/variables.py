"""The page of every variable, in the order in which `holdall env` prints them."""

import json
import re
from collections.abc import Mapping

from holdall.environment import contract, keyfiles, unread, variables
from reference import prose
from reference.environments import KEYS, S3, SPACES

# What to show for each variable: environments, each laid over a usable one.
SHOWN: dict[str, list[dict[str, str]]] = {
    "STORAGES_MODE": [{"STORAGES_MODE": "spaces"}, {"STORAGE_MODE": "do"}],
    "STORAGE_BUCKET_NAME": [{"STORAGE_BUCKET_NAME": ""}, {"STORAGE_BUCKET_NAME": "s3://acme-media/uploads"}],
    "STORAGE_MAKE_FILES_PUBLIC": [
        {"STORAGE_MAKE_FILES_PUBLIC": "ture"},
        {"STORAGE_MAKE_FILES_PUBLIC": "true"},
    ],
    "AWS_S3_CUSTOM_DOMAIN": [
        {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "http://media.example.com/files"},
        {"STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com/files?v=1"},
        {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"},
    ],
    "DO_REGION": [{**SPACES, "DO_REGION": "amsterdam"}, {"DO_REGION": "ams3"}],
    "AWS_ACCESS_KEY_ID": [
        {"AWS_ACCESS_KEY_ID": KEYS["AWS_ACCESS_KEY_ID"]},
        {**KEYS, "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE"},
        {**SPACES, "AWS_ACCESS_KEY_ID": ""},
    ],
    "AWS_SECRET_ACCESS_KEY": [
        {**KEYS, "AWS_SECRET_ACCESS_KEY": "two words"},
        {**KEYS, "AWS_SECRET_ACCESS_KEY": f"{KEYS['AWS_SECRET_ACCESS_KEY']}\n"},
    ],
    "AWS_SESSION_TOKEN": [{"AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLETOKEN"}],
    "AWS_S3_REGION_NAME": [
        {"AWS_S3_REGION_NAME": "eu-central-1a"},
        {"AWS_S3_REGION_NAME": "auto"},
        {"AWS_S3_REGION": "eu-central-1"},
    ],
    "AWS_REGION": [{"AWS_REGION": "Frankfurt"}],
    "AWS_DEFAULT_REGION": [{"AWS_DEFAULT_REGION": "EU (Ireland)"}],
    "AWS_S3_ENDPOINT_URL": [
        {"AWS_S3_ENDPOINT_URL": "https://acme-media.s3.fr-par.scw.cloud"},
        {"AWS_S3_ENDPOINT_URL": "https://acme-media.ams3.cdn.digitaloceanspaces.com"},
        {"AWS_S3_ENDPOINT_URL": "https://s3.example.com/acme-media"},
        {"AWS_S3_ENDPOINT_URL": "minio:9000"},
        {"AWS_ENDPOINT_URL": "https://s3.example.com"},
    ],
    "AWS_S3_PUBLIC_ENDPOINT_URL": [
        {"AWS_S3_ENDPOINT_URL": "http://minio:9000"},
        {"AWS_S3_ENDPOINT_URL": "http://minio:9000", "AWS_S3_PUBLIC_ENDPOINT_URL": "http://minio.media.svc:9000"},
    ],
    "AWS_S3_SIGN_FOR_DOMAIN": [
        {"AWS_S3_SIGN_FOR_DOMAIN": "true"},
        {**SPACES, "AWS_S3_CUSTOM_DOMAIN": "media.example.com", "AWS_S3_SIGN_FOR_DOMAIN": "false"},
    ],
    "AWS_S3_ADDRESSING_STYLE": [
        {"AWS_S3_ENDPOINT_URL": "https://s3.example.com", "AWS_S3_ADDRESSING_STYLE": "auto"},
        {"AWS_S3_ENDPOINT_URL": "http://10.0.0.5:9000", "AWS_S3_ADDRESSING_STYLE": "virtual"},
    ],
    "STORAGE_LOCATION": [
        {"STORAGE_LOCATION": "/media/"},
        {"STORAGE_LOCATION": "s3://acme-media/media"},
        {"STORAGE_LOCATION": "../other"},
    ],
    "STORAGE_URL_LIFETIME": [{"STORAGE_URL_LIFETIME": "1 week"}, {"STORAGE_URL_LIFETIME": "30d"}],
    "STORAGE_DOMAIN_IS_LIMITED": [{"STORAGE_DOMAIN_IS_LIMITED": "media/"}],
    "STORAGE_CACHE_LIFETIME": [{"STORAGE_CACHE_LIFETIME": "1 week"}, {"STORAGE_CACHE_LIFETIME": "500d"}],
    "STORAGE_TIMEOUT": [{"STORAGE_TIMEOUT": "10 seconds"}, {"STORAGE_TIMEOUT": "1h"}],
    "STORAGE_TRASH": [{"STORAGE_TRASH": "a month"}, {"STORAGE_TRASH": "0"}],
    "STORAGE_ENVIRONMENT": [{"STORAGE_ENVIRONMENT": "our production"}],
    "AWS_CLOUDFRONT_KEY_ID": [{"AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F"}],
    "AWS_CLOUDFRONT_KEY": [{"AWS_CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F", "AWS_CLOUDFRONT_KEY": "/run/secrets/key.pem"}],
    "AWS_STORAGE_BUCKET_NAME": [{"AWS_STORAGE_BUCKET_NAME": "other-media"}],
    "BUILD_MODE": [{"BUILD_MODE": "production"}],
}


PARENTS = [
    {"PARENT_STORAGES_MODE": "do", "PARENT_STORAGE_BUCKET_NAME": "acme-production"},
    {"PARENT_STORAGE_BUCKET": "acme-production"},
    {"PARENT_STORAGE_BUCKET_NAME": "acme-media"},
    {"PARENT_STORAGE_BUCKET_NAME": "acme-media", "PARENT_STORAGE_LOCATION": "production"},
]

MIRRORS = [
    {"MIRROR_STORAGES_MODE": "do", "MIRROR_STORAGE_BUCKET_NAME": "acme-new"},
    {"MIRROR_STORAGE_BUCKET_NAME": "acme-media"},
    {"MIRROR_STORAGE_BUCKET_NAME": "acme-media", "MIRROR_STORAGE_LOCATION": "new"},
    {
        "MIRROR_STORAGE_BUCKET_NAME": "acme-new",
        "MIRROR_STORAGE_MAKE_FILES_PUBLIC": "true",
        "MIRROR_AWS_S3_CUSTOM_DOMAIN": "media.example.com",
    },
    {"MIRROR_STORAGE_BUCKET_NAME": "acme-new", "PARENT_STORAGE_BUCKET_NAME": "acme-original"},
]

MISSING_FILE = "/run/secrets/aws_secret"


def page() -> str:
    lines = [
        "# Variables",
        "",
        "Every variable that Holdall reads.",
        "`holdall env` prints the same list with the values of your environment, and contacts nothing.",
        "",
        "| variable | modes | default |",
        "|---|---|---|",
    ]
    lines += [
        f"| [`{one.name}`](#{prose.anchor(one.name)}) | {', '.join(one.modes)} | {one.default} |"
        for one in variables.VARIABLES
    ]
    for one in variables.VARIABLES:
        lines += [
            "",
            f"({prose.anchor(one.name)})=",
            f"## `{one.name}`",
            "",
            *prose.sentences(f"Meaning: {one.purpose}."),
            "",
        ]
        lines += [f"- Default: {one.default}.", f"- Read in mode: {', '.join(f'`{mode}`' for mode in one.modes)}."]
        if one.secret == "whole":
            lines += ["- Secret: only its length is ever shown."]
        elif one.secret == "key id":
            lines += ["- Only its last four characters and its length are ever shown."]
        if one.secret:
            lines += [f"- `{one.name}_FILE` may name [a file that holds it](#keys-in-files) instead."]
        lines += ["", "Some values, and what Holdall says about them:", "", "```text"]
        for shown in SHOWN[one.name]:
            lines += _said(shown, subject=one.name)
        lines += ["```"]
    files = [f"`{one.name}`" for one in variables.VARIABLES if one.secret]
    lines += [
        "",
        "(keys-in-files)=",
        "## Keys in files",
        "",
        "Docker and Kubernetes mount secrets as files.",
        f"`NAME_FILE` names a file that holds the value of `NAME`, with every prefix, for {', '.join(files)}.",
        "The file is read once, when the settings are loaded, and the line break at its end is removed.",
        "A PEM key keeps its lines.",
        f"It must be a regular file of at most {keyfiles.MAX_BYTES // 1024} KiB; to set both the value and its file is an error.",
        "The value itself is never part of Django's settings as text: copying or printing them shows the path at most.",
        "",
        "```text",
        *_said({"AWS_ACCESS_KEY_ID": KEYS["AWS_ACCESS_KEY_ID"], "AWS_SECRET_ACCESS_KEY_FILE": MISSING_FILE}),
        *_said({**KEYS, "AWS_SECRET_ACCESS_KEY_FILE": MISSING_FILE}),
        "```",
        "",
        "## Names that Holdall does not read",
        "",
        (
            "A name from another tool, or a misspelt one, is an error while the real variable is unset, "
            "and a warning when the real variable is set."
        ),
        "",
        "| found | meant |",
        "|---|---|",
    ]
    lines += [f"| `{wrong}` | [`{right}`](#{prose.anchor(right)}) |" for wrong, right in unread.MISNOMERS.items()]
    lines += [
        "",
        "These may be set for other tools, so they are a warning while the variable that may be meant is unset.",
        "`AWS_BUCKET` is an error where the bucket is required and not named.",
        "",
        "| found | possibly meant |",
        "|---|---|",
        *(f"| `{name}` | [`{ours}`](#{prose.anchor(ours)}) |" for name, ours in unread.FOREIGN_NAMES.items()),
        "",
        (
            "Where something is missing, any other name is understood by the words in it: a name with BUCKET, ENDPOINT, S3, "
            "R2, MINIO, SPACES, the name of a provider, or a secret and access key is listed with the variable that it "
            "probably means."
        ),
        "`holdall env --write store.env` writes [what is probably meant](../how-to/env-files.md#write-one) into a file.",
        "",
        f"{' and '.join(f'`{name}`' for name in unread.AMBIENT_ENDPOINTS)} redirect boto3 in other programs.",
        "They do not redirect the storage; Holdall warns about them.",
        "",
        "(parent)=",
        f"## `{variables.PARENT}` and any variable above",
        "",
        (
            "Meaning: the parent store, whose files this environment shows; setting any of them makes this environment "
            "[a fork](../explanation/forks.md)."
        ),
        "They are read in the same way, and the mistakes in both stores are reported together.",
        f"A parent that is itself a fork has its own parent under `{variables.PARENT * 2}`, and so on.",
        f"`{variables.PARENT}STORAGE_ENVIRONMENT` must name the owner of the parent for `holdall fork promote` to write there.",
        "Without it, or with another name, nothing is written.",
        "",
        "Some values, and what Holdall says about them:",
        "",
        "```text",
        *(line for shown in PARENTS for line in _said(shown)),
        "```",
        "",
        "(mirror)=",
        f"## `{variables.MIRROR}` and any variable above",
        "",
        (
            "Meaning: the mirror, a second store that every save, overwrite and deletion also goes to, "
            "for [a move without downtime](../how-to/move.md)."
        ),
        "Files are read from the store itself, and links lead there.",
        "They are read in the same way, and the mistakes in both stores are reported together.",
        "The mirror has the store's `STORAGE_ENVIRONMENT` and `STORAGE_TRASH` where its own are not set.",
        f"`{variables.MIRROR}STORAGE_TIMEOUT` is the longest that a change waits for the mirror.",
        f"A second storage has a mirror of its own: `PRIVATE_{variables.MIRROR}STORAGE_BUCKET_NAME`.",
        "",
        "Some values, and what Holdall says about them:",
        "",
        "```text",
        *(line for shown in MIRRORS for line in _said(shown)),
        "```",
    ]
    return prose.joined(lines)


def _said(shown: Mapping[str, str], *, subject: str = "") -> list[str]:
    reading = contract.read({**S3, **shown})
    # Leave out what only makes the rest of the environment usable.
    told = {
        name: value for name, value in shown.items() if name == subject or (name, value) not in {**S3, **KEYS}.items()
    }
    lines = [" ".join(f"{name}={_quoted(value)}" for name, value in told.items() if value)]
    if not lines[0]:
        lines = [f"({' and '.join(shown)} unset)"]
    elif unset := [name for name, value in shown.items() if not value]:
        lines[0] += f"   ({' and '.join(unset)} unset)"
    lines += [f"    problem: {text}" for text in reading.problems]
    lines += [f"    warning: {text}" for text in reading.warnings]
    if len(lines) == 1:
        raise AssertionError(f"nothing is said of {shown}")
    return lines


def _quoted(value: str) -> str:
    return json.dumps(value) if re.search(r"[\s()]", value) else value
