"""What names of other tools mean, by the words in them. Pure; read only where something is missing or another provider is named.

People arrive with the variables of a guide, a host's add-on or another framework. A list of names would never be complete:
the words that such names are made of are few.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from holdall.environment import keyfiles

# Names that have this one meaning, whatever words they are made of.
EXACT = {
    "AWS_URL": "AWS_S3_CUSTOM_DOMAIN",
    "ASSET_HOST": "AWS_S3_CUSTOM_DOMAIN",
    "AWS_S3_URL_PROTOCOL": "AWS_S3_CUSTOM_DOMAIN",
    "AWS_KEY": "AWS_ACCESS_KEY_ID",
    "AWS_SECRET": "AWS_SECRET_ACCESS_KEY",
    "AWS_S3_SESSION_PROFILE": "AWS_PROFILE",
    "MINIO_SERVER_URL": "AWS_S3_PUBLIC_ENDPOINT_URL",
}
# Settings of django-storages that become no variable, and the option that each of them is.
# https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html#configuration-settings
OPTIONS = {
    "AWS_S3_FILE_OVERWRITE": "file_overwrite",
    "AWS_S3_OBJECT_PARAMETERS": "object_parameters",
    "AWS_S3_SIGNATURE_VERSION": "signature_version",
    "AWS_S3_FILE_NAME_CHARSET": "file_name_charset",
    "AWS_IS_GZIPPED": "gzip",
    "AWS_S3_PROXIES": "proxies",
    "AWS_S3_USE_SSL": "use_ssl",
    "AWS_S3_VERIFY": "verify",
    "AWS_S3_MAX_MEMORY_SIZE": "max_memory_size",
    "AWS_S3_USE_THREADS": "use_threads",
    "AWS_S3_TRANSFER_CONFIG": "transfer_config",
    "AWS_S3_CLIENT_CONFIG": "client_config",
}


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words of which a name is about a place that speaks S3.
PLACES = _set("""S3 R2 SPACES SPACE B2 BACKBLAZE WASABI LINODE AKAMAI SCW SCALEWAY TIGRIS BUCKETEER CLOUDCUBE CELLAR STORJ HETZNER
    OVH EXOSCALE SOS VULTR IDRIVE FILEBASE CONTABO UPCLOUD YANDEX YC OSS ALIYUN COS GCS GS IONOS OUTSCALE OSC LIARA ARVAN
    STACKHERO SELECTEL DREAMOBJECTS MINIO RUSTFS SEAWEEDFS GARAGE
    CEPH RGW RADOSGW LOCALSTACK ZENKO SUPABASE""")
# Of these and others, words of DigitalOcean's: in names of a bucket and its keys, they speak of a Space.
SPACES = _set("SPACES SPACE DO DIGITALOCEAN")
# Words that stand in names about much else too.
_NEAR = _set("""AWS STORAGE STORAGES STORE OBJECT OBJECTS OBJECTSTORE BLOB MEDIA UPLOAD UPLOADS FILE FILES ATTACHMENT
    ATTACHMENTS DO DIGITALOCEAN CLOUDFLARE CF BUCKET BUCKETS AMAZON""")
# A provider that is not Amazon: its keys, or its address, beside a bucket say where the bucket is.
ELSEWHERE = PLACES - {"S3", "BUCKETEER", "CLOUDCUBE", "SPACE", "STACKHERO", "GS", "OSS", "COS", "SOS", "YC", "OSC"}
# Providers that call a region a location or a zone.
_LOCATED = _set("HETZNER EXOSCALE SOS")
# Words of other services, and of other purposes that have buckets of their own.
_OTHERS = _set("""SQS SNS SES DYNAMODB LAMBDA KMS STS COGNITO BEDROCK KINESIS REDIS RABBITMQ CELERY KAFKA ELASTIC ELASTICSEARCH
    OPENSEARCH SENTRY OTEL OTLP OPENAI ANTHROPIC AZURE STRIPE PAYPAL TWILIO GITHUB GITLAB FACEBOOK TWITTER SLACK JWT OAUTH
    OAUTH2 OIDC RECAPTCHA HCAPTCHA TURNSTILE CAPTCHA DATABASE DB POSTGRES POSTGRESQL PG MYSQL MONGO MONGODB MAIL SMTP EMAIL
    MAILGUN SENDGRID WEBHOOK WEBHOOKS GRAPHQL BACKUP BACKUPS WAL WALG WALE PGBACKREST LITESTREAM TERRAFORM TF TFSTATE LOG
    LOGS LOGGING CONSOLE PROMETHEUS RATE LEAKY ENCRYPT ENCRYPTION SSE CORS CSP SQL TELEMETRY METRICS TRACES STATICFILES
    DNS CERTBOT ARTIFACT ARTIFACTS CACHES ATHENA GLUE TEXTRACT REKOGNITION METADATA FIPS DUALSTACK IGNORE REDIRECT RETENTION""")
_ADDRESS = _set("HOST HOSTNAME URL URI SERVER ADDRESS ADDR SERVICE API BASE SITE BASEURL")
_PARTS_OF_AN_ADDRESS = _set("PORT SSL HTTPS SECURE PROTOCOL SCHEME TLS")
_PARTS = (
    "BACKBLAZE|BUCKETS|BUCKET|ENDPOINT|SPACES|MINIO|ACCESS|SECRET|CLOUDFRONT|REGION|DOMAIN|CUSTOM|STORAGE|PUBLIC|AWS|S3|R2|"
    "KEY|NAME|URL|CDN|ID|HOST|OBJECT"
)
# Supabase is much else besides, whose keys are no keys of its S3 API.
_STORED_AT_SUPABASE = _set("S3 BUCKET STORAGE ACCESS")
# A name without any of these is none of another tool that is known here; most names of an environment are left at that.
_HINTS = _set("""BUCKET ENDPOINT SPACE MINIO S3 R2 B2 SECRET ACCESS STORAGE STORE MEDIA UPLOAD CDN CLOUDFRONT AWS OBJECT FILE
    REGION CLOUDFLARE ASSET SIGNED""") | {word for word in PLACES if len(word) > 2}


def is_interesting(name: str) -> bool:
    """Whether a name is worth to be taken apart."""
    upper = name.upper()
    return any(hint in upper for hint in _HINTS)


# What is said of a port or a scheme that has a variable of its own.
PART = "a part of that address"


class Meaning(NamedTuple):
    """What a name probably means."""

    # The variable of the contract; "" if there is none for it.
    variable: str
    # How well it fits: of several names for one variable, the best are proposed.
    rank: int = 0
    # Words of a provider that is not Amazon.
    elsewhere: bool = False
    # What more there is to say: what stands in place of a variable.
    note: str = ""


class Candidate(NamedTuple):
    """A variable that Holdall does not read, and what it probably means."""

    # Without the prefix.
    name: str
    value: str
    meaning: Meaning

    @property
    def variable(self) -> str:
        """The variable of the contract that it means, whether it holds the value or names a file."""
        return self.meaning.variable.removesuffix(keyfiles.SUFFIX)


def words(name: str) -> list[str]:
    """Give the words of a name: those between underscores, and known ones that were written together."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
    found: list[str] = []
    for word in re.findall(r"[A-Z0-9]+", apart):
        # Whole words only: the "S3" in CSS3 is none, and neither is the "R2" in R2D2.
        whole = word in PLACES or not re.fullmatch(rf"(?:{_PARTS})+", word)
        found += [word] if whole else re.findall(_PARTS, word)
    return found


def meaning(name: str) -> Meaning | None:
    """Say what a name of another tool means to a store; None if it has nothing to do with one."""
    ending = "_FILE" if name.upper().endswith("_FILE") else ""
    bare = name[: -len(ending)] if ending else name
    if bare.upper() in EXACT:
        return Meaning(EXACT[bare.upper()], rank=3)
    if bare.upper() in OPTIONS:
        return Meaning("", note=f"the option `{OPTIONS[bare.upper()]}`")
    listed = words(bare)
    found = frozenset(listed)
    if not listed or found & _OTHERS or ("SUPABASE" in found and not found & _STORED_AT_SUPABASE):
        return None
    variable, note = _variable(listed, found)
    if not variable and not note:
        return None
    if ending and variable in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CLOUDFRONT_KEY"}:
        variable += ending
    rank = (2 if found & (PLACES | {"AWS", "STORAGE"}) else 0) + ("MEDIA" in found or "UPLOAD" in found)
    rank -= 4 * bool(found & {"STATIC", "ASSETS"})
    rank -= 2 * (bool(found & {"PRIVATE", "TEST", "DEV", "STAGING"}) and "KEY" not in found)
    if note == PART:
        rank = -1
    if "TOKEN" in found and variable == "AWS_SECRET_ACCESS_KEY":
        # Beside a secret it is another thing.
        rank = -2
    return Meaning(variable, rank, bool(found & ELSEWHERE), note)


def _variable(listed: list[str], found: frozenset[str]) -> tuple[str, str]:
    """Give the variable, and a note. The first rule that fits decides."""
    last, place, near = listed[-1], bool(found & PLACES), bool(found & (PLACES | _NEAR))
    for rule in (_delivery, _manner, _keys, _where, _mode):
        if decided := rule(listed, found, place, near):
            return decided if isinstance(decided, tuple) else (decided, "")
    if found & {"BUCKET", "BUCKETS"} or ("CONTAINER" in found and place):
        if found & {"CREATE", "OWNER", "POLICY", "CHECK", "EXISTS"}:
            return "", "nothing: Holdall makes no bucket (`holdall provision` says what to ask for)"
        return "STORAGE_BUCKET_NAME", ""
    if found & {"SPACES", "SPACE"} and (last in {"NAME", "SPACE"} or len(listed) == 1):
        return "STORAGE_BUCKET_NAME", ""
    # It speaks of such a place, and of nothing that is known here.
    return ("", "nothing that Holdall reads") if found & {"S3", "R2", "MINIO", "SPACES"} else ("", "")


_Decided = str | tuple[str, str] | None


def _delivery(listed: list[str], found: frozenset[str], place: bool, near: bool) -> _Decided:
    """The CDN, its keys, and whether files are public."""
    address = found & (_ADDRESS | {"DOMAIN", "ENDPOINT", "CNAME", "ALIAS", "ORIGIN"})
    if "CLOUDFRONT" in found:
        if "KEY" in found or "KEYPAIR" in found:
            return "AWS_CLOUDFRONT_KEY_ID" if found & {"ID", "PAIR", "KEYPAIR"} else "AWS_CLOUDFRONT_KEY"
        if "DISTRIBUTION" in found and not address:
            return "AWS_S3_CUSTOM_DOMAIN", "the distribution's domain instead of its id"
        return "AWS_S3_CUSTOM_DOMAIN"
    if "CDN" in found and not found & {"KEY", "TOKEN", "ID", "SECRET"}:
        return "AWS_S3_CUSTOM_DOMAIN"
    if found & {"PUBLIC", "EXTERNAL", "BROWSER", "OUTSIDE", "PRESIGN", "PRESIGNED", "FRONTEND"} and address and near:
        if "REDIRECT" in found:
            return None
        if found & _PARTS_OF_AN_ADDRESS:
            return "AWS_S3_PUBLIC_ENDPOINT_URL", PART
        outside = "ENDPOINT" in found or found & {"EXTERNAL", "BROWSER", "OUTSIDE", "PRESIGN", "PRESIGNED"}
        return "AWS_S3_PUBLIC_ENDPOINT_URL" if outside else "AWS_S3_CUSTOM_DOMAIN"
    if near and found & {"DOMAIN", "CNAME", "ALIAS"} and "ENDPOINT" not in found:
        return "AWS_S3_CUSTOM_DOMAIN"
    if found & {"MEDIA", "UPLOAD", "UPLOADS"} and found & _ADDRESS and not found & {"BUCKET", "ENDPOINT"}:
        return "AWS_S3_CUSTOM_DOMAIN"
    if found & {"BUCKET"} and found & {"URL", "URI", "BASEURL"}:
        return "AWS_S3_CUSTOM_DOMAIN"
    seen_by = found & {"PERMISSION", "PERMISSIONS", "VISIBILITY"}
    if "ACL" in found or {"QUERYSTRING", "AUTH"} <= found or (seen_by and (place or "AWS" in found)):
        return "STORAGE_MAKE_FILES_PUBLIC"
    if near and (listed[-1] in {"PUBLIC", "PRESIGNED"} or listed[-2:] == ["BUCKET", "AUTH"]):
        return "STORAGE_MAKE_FILES_PUBLIC"
    return None


def _manner(listed: list[str], found: frozenset[str], place: bool, near: bool) -> _Decided:
    """How keys are made, links are signed and requests wait."""
    if near and (
        {"PATH", "STYLE"} <= found or "PATHSTYLE" in found or "ADDRESSING" in found or {"FORCE", "PATH"} <= found
    ):
        return "AWS_S3_ADDRESSING_STYLE"
    timed = found & {"EXPIRE", "EXPIRES", "EXPIRY", "EXPIRATION", "EXPIRESIN", "TTL", "LIFETIME"}
    if timed and (near or found & {"QUERYSTRING", "SIGNED", "PRESIGNED", "PRESIGN"}):
        return "STORAGE_CACHE_LIFETIME" if "CACHE" in found else "STORAGE_URL_LIFETIME"
    if place and ({"MAX", "AGE"} <= found or {"CACHE", "CONTROL"} <= found):
        return "STORAGE_CACHE_LIFETIME"
    if place and "TIMEOUT" in found:
        return "STORAGE_TIMEOUT"
    folder = found & {"PREFIX", "FOLDER", "SUBFOLDER", "DIRECTORY", "DIR", "LOCATION", "PATH", "BASEPATH"}
    if folder == {"LOCATION"} and found & _LOCATED:
        return None
    if near and folder and not found & {"STATIC", "SSL", "CERT", "TMP", "TEMP", "DATA", "CONFIG"}:
        return "STORAGE_LOCATION"
    return None


def _keys(listed: list[str], found: frozenset[str], place: bool, near: bool) -> _Decided:
    """The key pair, and what is taken for one."""
    if found & {"KMS", "CUSTOMER", "PUBLIC", "PATTERN", "ARN"}:
        return None
    if "TOKEN" in found:
        if found & {"SESSION", "SECURITY"}:
            return "AWS_SESSION_TOKEN" if near else None
        return ("AWS_SECRET_ACCESS_KEY", "a key pair, not an API token: S3 takes no tokens") if place else None
    if "SECRET" in found or "SECRETS" in found:
        # Not Django's own, nor another service's: of those, nobody speaks of access.
        if near or {"ACCESS", "KEY"} <= found:
            return "AWS_SECRET_ACCESS_KEY"
        return None
    if place and found & {"PASSWORD", "PASS", "PASSWD"}:
        return "AWS_SECRET_ACCESS_KEY"
    if found & {"B2", "BACKBLAZE"} and found & {"KEY", "APPKEY"} and not found & {"ID", "KEYID", "ACCESS"}:
        # https://www.backblaze.com/docs/cloud-storage-application-keys: the secret is called the application key.
        return "AWS_SECRET_ACCESS_KEY"
    if place and found & {"USER", "USERNAME"}:
        return "AWS_ACCESS_KEY_ID"
    identifies = {"ACCESS", "KEY"} <= found or {"KEY", "ID"} <= found or {"ACCESS", "ID"} <= found or "KEYID" in found
    if (near and identifies) or listed in (["ACCESS", "KEY"], ["ACCESS", "KEY", "ID"]):
        return "AWS_ACCESS_KEY_ID"
    alone = listed[-1] in {"KEY", "APIKEY"} and (place or (len(listed) == 2 and listed[0] == "STORAGE"))
    return "AWS_ACCESS_KEY_ID" if alone else None


def _where(listed: list[str], found: frozenset[str], place: bool, near: bool) -> _Decided:
    """The region and the endpoint."""
    if "ACCOUNT" in found and found & {"R2", "CLOUDFLARE", "CF"}:
        return "AWS_S3_ENDPOINT_URL", "https://ACCOUNT.r2.cloudflarestorage.com"
    located = found & _LOCATED and found & {"LOCATION", "ZONE"}
    if located or (found & {"REGION", "CLUSTER", "DATACENTER"} and (near or listed == ["REGION"])):
        return "DO_REGION" if found & {"SPACES", "SPACE", "DO", "DIGITALOCEAN"} else "AWS_S3_REGION_NAME"
    if "ENDPOINT" in found or "ENDPOINTS" in found:
        known = near or set(listed) <= {"ENDPOINT", "URL", "URI"}
        return "AWS_S3_ENDPOINT_URL" if known else None
    # "BUCKET_HOST" and "BUCKET_PORT" are what Rook hands to an application.
    # https://rook.io/docs/rook/latest-release/Storage-Configuration/Object-Storage-RGW/ceph-object-bucket-claim/
    if (place or "BUCKET" in found) and found & _PARTS_OF_AN_ADDRESS:
        return "AWS_S3_ENDPOINT_URL", PART
    if (place and found & _ADDRESS) or ("BUCKET" in found and found & {"HOST", "HOSTNAME"}):
        return "AWS_S3_ENDPOINT_URL"
    return None


def _mode(listed: list[str], found: frozenset[str], place: bool, near: bool) -> _Decided:
    """Which kind of storage it is."""
    kinds = {"BACKEND", "DRIVER", "PROVIDER", "ENGINE", "DISK", "TYPE", "KIND", "MODE"}
    stored = {"STORAGE", "STORAGES", "FILESYSTEM", "FILE", "FILES", "MEDIA", "UPLOAD", "UPLOADS", "OBJECT"}
    if found & {"ARGUMENTS", "ARGS", "KWARGS", "OPTIONS"}:
        return None
    if found & kinds and found & stored:
        return "STORAGES_MODE"
    if listed[-2:] in (["FILE", "STORAGE"], ["MEDIA", "STORAGE"], ["FILES", "STORAGE"], ["DJANGO", "STORAGE"]):
        return "STORAGES_MODE"
    if place and (found & {"USE", "ENABLE", "ENABLED", "USES", "DISABLED"}) and "BUCKET" not in found:
        return "STORAGES_MODE"
    return None
