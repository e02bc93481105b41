"""Findings of the layer `options`: what the storage was given, in Django's settings or in code."""

from __future__ import annotations

from functools import partial

from holdall.findings import Kind, Level

_Kind = partial(Kind, evidence="The storage's options, as its class has read them. Nothing is sent.")

NO_BUCKET = _Kind(
    "D201",
    Level.ERROR,
    "The storage has no bucket",
    "The first upload or link fails with a TypeError or ValueError that does not mention the bucket.",
    'AWS_STORAGE_BUCKET_NAME = "…"   # or the option bucket_name; with Holdall: STORAGE_BUCKET_NAME',
    ("A4",),
)
DIRTY_OPTION = _Kind(
    "D202",
    Level.ERROR,
    "An option has quotes or whitespace around it",
    "boto3 uses it as it is: hosts and buckets are not found, and signatures do not match.",
    "Remove them where the value comes from. `docker --env-file` keeps quotes, and `echo` adds a line break.",
    ("A5",),
)
TEXT_FOR_VALUE = _Kind(
    "D203",
    Level.ERROR,
    "An option is a string instead of a boolean or a number",
    'Every string except an empty one counts as true, even "False". A number as a string fails when it is calculated with.',
    'os.environ["…"].lower() == "true"   # or int(os.environ["…"])',
    ("A6",),
)
EMPTY_OPTION = _Kind(
    "D204",
    Level.ERROR,
    "An option is an empty string",
    "That is not the same as None: boto3 rejects it as an address.",
    'os.environ.get("…") or None',
    ("A7",),
)
EMPTY_KEY = _Kind(
    "D205",
    Level.WARNING,
    "A key is an empty string",
    "boto3 ignores it without a warning, and may sign with other keys than the ones you meant.",
    'os.environ.get("…") or None',
    ("A7",),
)
HALF_PAIR = _Kind(
    "D206",
    Level.ERROR,
    "Half of the key pair is missing",
    "The first request fails with an AttributeError or NoCredentialsError.",
    "Set both `access_key` and `secret_key`, or neither if the machine has a role.",
    ("B2",),
)
TOKEN_MISSING = _Kind(
    "D207",
    Level.ERROR,
    "Temporary keys are set without their session token",
    "The store says that it does not know the key, although it works in the tool that it was copied from.",
    "Set `security_token` (AWS_SESSION_TOKEN) too, or none of the three if the machine has a role.",
    ("B1",),
)
PROFILE_MISSING = _Kind(
    "D208",
    Level.ERROR,
    "This machine has no such profile",
    "boto3 raises ProfileNotFound on the first request.",
    "aws configure list-profiles   # then correct the name, or unset it",
    ("B2",),
)
NO_SCHEME = _Kind(
    "D209",
    Level.ERROR,
    "The endpoint has no scheme",
    "boto3 rejects it with `Invalid endpoint`.",
    "Add https:// to the beginning of `endpoint_url` (AWS_S3_ENDPOINT_URL).",
    ("C2",),
)
UNKNOWN_PARAMETER = _Kind(
    "D210",
    Level.ERROR,
    "The SDK does not know an upload parameter",
    "Every upload fails with `Invalid extra_args key`.",
    "Correct or remove it in `object_parameters` (AWS_S3_OBJECT_PARAMETERS). CORS headers belong in the bucket's settings.",
    ("G9",),
)
MISNAMED_SETTING = _Kind(
    "D211",
    Level.ERROR,
    "A setting's name is misspelled",
    "django-storages ignores it without a warning, and the setting that it was meant to be is not set.",
    "Rename the setting.",
    failures=("A3",),
)
FOREIGN_KEY = _Kind(
    "D212",
    Level.WARNING,
    "The key looks like another provider's",
    "It does not begin like the keys of the provider that the endpoint belongs to. If it is another provider's, every "
    "request is refused.",
    "Compare it with the keys in the console of the endpoint's provider.",
    ("B3",),
)
OVERWRITES = _Kind(
    "D220",
    Level.WARNING,
    "Files with the same name replace each other",
    "`file_overwrite` is on, which is django-storages' default. If two users upload image.jpg, one of the files is lost "
    "without an error.",
    "AWS_S3_FILE_OVERWRITE = False   # or use holdall.storage.MediaStorage",
    ("G1",),
)
READS_WHOLE_FILES = _Kind(
    "D221",
    Level.WARNING,
    "Opened files are held in memory as a whole",
    "`max_memory_size` is 0, which means no limit: reading ten bytes of a large file loads all of it into memory.",
    "AWS_S3_MAX_MEMORY_SIZE = 5 * 1024 * 1024   # or use holdall.storage.MediaStorage, which reads only what it needs",
    ("H1",),
)
THREADS_UNDER_GEVENT = _Kind(
    "D222",
    Level.WARNING,
    "Uploads use threads under gevent",
    "boto3's thread pool and gevent's patches block each other, so uploads time out.",
    "AWS_S3_TRANSFER_CONFIG = TransferConfig(use_threads=False)   # or use holdall.storage.MediaStorage, which uses none of them",
    ("G12",),
)
PUBLIC_ACL_AT_AMAZON = _Kind(
    "D223",
    Level.WARNING,
    "Files are sent to Amazon with a public ACL",
    "Amazon refuses every such upload with AccessControlListNotSupported, unless the bucket's Object Ownership allows ACLs: "
    "in buckets that were made since April 2023 it does not. Block Public Access refuses them, too.",
    "Let CloudFront with origin access control (OAC) or a bucket policy make files public, and remove `default_acl`. "
    "`holdall provision` prints both.",
    ("D1",),
)
NOTHING_PUBLISHES = _Kind(
    "D224",
    Level.WARNING,
    "Public files are served from the bucket's own address, and no ACL is sent",
    "On Amazon only a bucket policy can then make them public. Without one, every new file is refused with 403, while files "
    "that were uploaded with an ACL before can still be read.",
    "Put CloudFront with origin access control (OAC) in front of the bucket, and set `AWS_S3_CUSTOM_DOMAIN` to its domain; "
    "or allow s3:GetObject to everybody in the bucket's policy. `holdall provision` prints both.",
    ("D1",),
)
