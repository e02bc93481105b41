"""The stores that are written for, as environments: each with what it is to show."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from holdall.provision import needs
from holdall.provision.needs import Needs

SITES = ("https://www.example.com", "http://localhost:8000")
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}
PRIVATE_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=1024)
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    .decode()
)
ARN = "arn:aws:cloudfront::111122223333:distribution/EDFDVBD6EXAMPLE"

AMAZON = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_REGION_NAME": "eu-central-1"}
SPACES = {"STORAGES_MODE": "do", "STORAGE_BUCKET_NAME": "acme-media", "DO_REGION": "fra1"}
R2 = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_ENDPOINT_URL": "https://0a1b2c.r2.cloudflarestorage.com"}
OTHER = {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_ENDPOINT_URL": "https://s3.example.com"}
PUBLIC = {"STORAGE_MAKE_FILES_PUBLIC": "true"}
# Beside private files in the same bucket.
LIMITED = {
    **PUBLIC,
    "STORAGE_LOCATION": "public",
    "STORAGE_DOMAIN_IS_LIMITED": "true",
    "PRIVATE_STORAGE_BUCKET_NAME": "acme-media",
    "PRIVATE_STORAGE_LOCATION": "private",
}


@dataclass(frozen=True)
class Case:
    environ: dict[str, str]
    asked: dict[str, object] = field(default_factory=dict)

    def needs(self, **changes: object) -> Needs:
        return needs.read(self.environ, **{**self.asked, **changes})[0]


# What tries to be language where it is a value.
HOSTILE = """me${file("/etc/passwd")}/$(touch owned)/`id`/it's "%{ if true }"|*?/END-OF-FILE"""

CASES: dict[str, Case] = {
    "amazon-private": Case(AMAZON),
    "amazon-private-with-keys": Case(AMAZON | KEYS),
    "amazon-region-unknown": Case({"STORAGE_BUCKET_NAME": "acme-media"}, {"origins": SITES}),
    "amazon-oldest-region": Case(AMAZON | {"AWS_S3_REGION_NAME": "us-east-1"}),
    "amazon-china": Case(AMAZON | {"AWS_S3_REGION_NAME": "cn-north-1"}),
    "amazon-public": Case(AMAZON | PUBLIC, {"origins": SITES}),
    "amazon-public-own-domain": Case(
        AMAZON | PUBLIC | {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"}, {"origins": SITES, "distribution_arn": ARN}
    ),
    "amazon-public-limited": Case(AMAZON | LIMITED, {"distribution_arn": ARN}),
    "amazon-signed-by-cloudfront": Case(AMAZON | {"AWS_CLOUDFRONT_KEY": PRIVATE_KEY}),
    "amazon-read-only": Case(AMAZON, {"read_only": True, "with_doctor": True}),
    "amazon-everything": Case(
        AMAZON | {"STORAGE_LOCATION": "shop/media", "STORAGE_BUCKET_NAME": "acme.media"},
        {"origins": SITES, "with_doctor": True, "with_areas": True, "with_uploads": True},
    ),
    "amazon-hostile": Case(AMAZON | PUBLIC | {"STORAGE_LOCATION": HOSTILE}, {"distribution_arn": ARN}),
    "spaces-private": Case(SPACES),
    "spaces-public": Case(SPACES | PUBLIC, {"origins": SITES}),
    "spaces-public-own-domain": Case(
        SPACES | KEYS | PUBLIC | {"AWS_S3_CUSTOM_DOMAIN": "media.example.com"}, {"with_areas": True}
    ),
    "spaces-public-cdn-domain": Case(
        SPACES | PUBLIC | {"AWS_S3_CUSTOM_DOMAIN": "acme-media.fra1.cdn.digitaloceanspaces.com"}
    ),
    "spaces-private-on-its-cdn": Case(SPACES | {"AWS_S3_CUSTOM_DOMAIN": "acme-media.fra1.cdn.digitaloceanspaces.com"}),
    "spaces-read-only": Case(SPACES | {"STORAGE_LOCATION": "shop"}, {"read_only": True}),
    "spaces-hostile": Case(SPACES | PUBLIC | {"STORAGE_LOCATION": HOSTILE}),
    "r2-private": Case(R2),
    "r2-public": Case(R2 | PUBLIC, {"origins": SITES}),
    "scaleway-public": Case(
        {"STORAGE_BUCKET_NAME": "acme-media", "AWS_S3_ENDPOINT_URL": "https://s3.fr-par.scw.cloud"} | PUBLIC
    ),
    "other-private": Case(OTHER, {"with_areas": True}),
    "other-signed-for-a-domain": Case(
        OTHER | {"AWS_S3_SIGN_FOR_DOMAIN": "true", "AWS_S3_PUBLIC_ENDPOINT_URL": "https://files.example.com"}
    ),
    "other-public-below-a-path": Case(OTHER | PUBLIC | {"AWS_S3_CUSTOM_DOMAIN": "http://10.0.0.7:9000/acme-media"}),
    "other-public": Case(OTHER | PUBLIC | {"STORAGE_LOCATION": "shop"}, {"origins": SITES}),
    "other-hostile": Case(OTHER | PUBLIC | {"STORAGE_LOCATION": HOSTILE}, {"with_doctor": True}),
    "other-read-only": Case(OTHER, {"read_only": True}),
}
