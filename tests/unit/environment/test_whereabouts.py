"""Environments that name a provider and no endpoint, or an endpoint in parts: who obeys what is said ends at that provider."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from holdall.environment import contract, foreign, whereabouts
from holdall.environment.proposal import propose
from holdall.providers import PROVIDERS, recognise
from tests.unit.environment.test_contract import PAIR, S3, problems

KEY, SECRET = "ABCDABCDABCDABCDABCD", "abcdEFGH1234abcdEFGH1234abcdEFGH12345678"
ACCOUNT = "0123456789abcdef0123456789abcdef"
PROJECT = "abcdefghijklmnopqrst"


def named(prefix: str, **more: str) -> dict[str, str]:
    """Name a bucket and its keys as guides do, beginning with the provider."""
    own = {"BUCKET_NAME": "acme-media", "ACCESS_KEY": KEY, "SECRET_KEY": SECRET, **more}
    return {f"{prefix}_{name}": value for name, value in own.items()}


# What is set, the endpoint that is advised, and the region that is then signed for.
NAMED = {
    "linode": (named("LINODE_BUCKET", REGION="us-southeast-1"), "https://us-southeast-1.linodeobjects.com", None),
    "scaleway": (named("SCW", DEFAULT_REGION="fr-par"), "https://s3.fr-par.scw.cloud", None),
    "wasabi": (named("WASABI", REGION="eu-central-2"), "https://s3.eu-central-2.wasabisys.com", None),
    "backblaze": (named("B2", REGION="us-west-004"), "https://s3.us-west-004.backblazeb2.com", None),
    "hetzner": (named("HETZNER_S3", REGION="fsn1"), "https://fsn1.your-objectstorage.com", None),
    "hetzner-location": (named("HETZNER", LOCATION="nbg1"), "https://nbg1.your-objectstorage.com", None),
    "ovh": (named("OVH", REGION="gra"), "https://s3.gra.io.cloud.ovh.net", None),
    "vultr": (named("VULTR", REGION="ewr1"), "https://ewr1.vultrobjects.com", None),
    "exoscale": (named("EXOSCALE", ZONE="ch-gva-2"), "https://sos-ch-gva-2.exo.io", None),
    "selectel": (named("SELECTEL", REGION="ru-1"), "https://s3.ru-1.storage.selcloud.ru", None),
    "tigris": (named("TIGRIS"), "https://t3.storage.dev", "auto"),
    "yandex": (named("YANDEX"), "https://storage.yandexcloud.net", "ru-central1"),
    "google": (named("GCS"), "https://storage.googleapis.com", "auto"),
    "storj": (named("STORJ"), "https://gateway.storjshare.io", "us-east-1"),
    "supabase": (
        {**named("SUPABASE_S3", REGION="eu-central-1"), "SUPABASE_URL": f"https://{PROJECT}.supabase.co"},
        f"https://{PROJECT}.storage.supabase.co/storage/v1/s3",
        "eu-central-1",
    ),
    "r2-account": (named("R2", ACCOUNT_ID=ACCOUNT), f"https://{ACCOUNT}.r2.cloudflarestorage.com", "auto"),
    "r2-bucket-in-it": (
        named(
            "CLOUDFLARE_R2", BUCKET_ENDPOINT=f"https://{ACCOUNT}.r2.cloudflarestorage.com/acme-media", TOKEN_VALUE="x1"
        ),
        f"https://{ACCOUNT}.r2.cloudflarestorage.com",
        "auto",
    ),
    "minio-in-parts": (named("MINIO", HOST="minio", PORT="9000"), "http://minio:9000", "us-east-1"),
    "minio-secure": (
        named("MINIO", ENDPOINT="minio.example.com", USE_SSL="true"),
        "https://minio.example.com",
        "us-east-1",
    ),
    "mastodon": (
        {**PAIR, "S3_BUCKET": "acme-media", "S3_PROTOCOL": "https", "S3_HOSTNAME": "s3.fr-par.scw.cloud"},
        "https://s3.fr-par.scw.cloud",
        "fr-par",
    ),
    "laravel": (
        {**PAIR, "AWS_BUCKET": "acme-media", "AWS_ENDPOINT": "http://minio:9000"},
        "http://minio:9000",
        "us-east-1",
    ),
    # https://rook.io/docs/rook/latest-release/Storage-Configuration/Object-Storage-RGW/ceph-object-bucket-claim/
    "rook": (
        {**PAIR, "BUCKET_NAME": "acme-media", "BUCKET_HOST": "rgw.rook-ceph.svc", "BUCKET_PORT": "80"},
        "http://rgw.rook-ceph.svc",
        "us-east-1",
    ),
    "rook-tls": (
        {**PAIR, "BUCKET_NAME": "acme-media", "BUCKET_HOST": "rgw.rook-ceph.svc", "BUCKET_PORT": "443"},
        "https://rgw.rook-ceph.svc",
        "us-east-1",
    ),
    # https://github.com/outline/outline/blob/main/.env.sample
    "outline": (
        {**PAIR, "AWS_S3_UPLOAD_BUCKET_NAME": "acme-media", "AWS_S3_UPLOAD_BUCKET_URL": "http://s3:4569"},
        "http://s3:4569",
        "us-east-1",
    ),
}


def obeyed(environ: Mapping[str, str]) -> dict[str, str]:
    """Do what is said, and nothing else: names are changed, and lines are written."""
    done = dict(environ)
    for said in contract.read(environ).problems:
        if asked := re.match(r"`(\w+)` is not read by Holdall; did you mean `(\w+)(?:=([^`]+))?`", said):
            value = done.pop(asked[1])
            done[asked[2]] = asked[3] or value
        done |= re.findall(r"`(\w+)=([^`]+)`", said)
    return done


@pytest.mark.parametrize("owner", NAMED)
def test_who_obeys_ends_at_the_provider_in_one_round(owner: str) -> None:
    environ, endpoint, region = NAMED[owner]
    reading = contract.read(obeyed(environ))
    assert reading.problems == ()
    assert reading.store is not None
    assert (reading.store.bucket_name, reading.store.endpoint_url) == ("acme-media", endpoint)
    assert reading.store.region_name == (region or recognise(endpoint)[1])


@pytest.mark.parametrize("owner", NAMED)
def test_proposal_has_the_same_endpoint(owner: str) -> None:
    environ, endpoint, _ = NAMED[owner]
    made = propose(environ)
    assert made.is_complete
    assert made.reading.store is not None
    assert made.reading.store.endpoint_url == endpoint


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (named("WASABI"), "speak of Wasabi"),
        (named("WASABI"), "Set `AWS_S3_ENDPOINT_URL` to its endpoint, https://s3.REGION.wasabisys.com."),
        (named("R2"), "Set `AWS_S3_ENDPOINT_URL` to its endpoint, https://ACCOUNT.r2.cloudflarestorage.com."),
        # IONOS's first region calls itself "de", and its host does not.
        (named("IONOS", REGION="de"), "to its endpoint, https://s3.REGION.ionoscloud.com."),
        (named("MINIO"), "to the address of its S3 API, such as http://minio:9000."),
        (named("CELLAR"), "speak of another provider"),
    ],
)
def test_endpoint_that_cannot_be_told_is_named_as_missing_in_its_form(environ: dict[str, str], said: str) -> None:
    [problem] = [one for one in problems(environ) if one.startswith("`AWS_S3_ENDPOINT_URL` is missing: ")]
    assert said in problem
    made = propose(environ)
    assert "AWS_S3_ENDPOINT_URL" in {line.name for line in made.lines if line.value is None}


@pytest.mark.parametrize(
    ("environ", "then"),
    [
        (named("DIGITALOCEAN", REGION="fra1"), "`STORAGES_MODE=do`, and `DO_REGION=fra1`."),
        (named("DO_SPACES", REGION="fra1"), "`STORAGES_MODE=do`, and `DO_REGION=fra1`."),
        (named("SPACES", ENDPOINT="https://nyc3.digitaloceanspaces.com"), "`STORAGES_MODE=do`, and `DO_REGION=nyc3`."),
        (named("SPACES"), "`STORAGES_MODE=do`, and `DO_REGION` to its region."),
    ],
)
def test_space_without_the_mode_is_told_the_mode(environ: dict[str, str], then: str) -> None:
    [problem] = [one for one in problems(environ) if one.startswith("`STORAGES_MODE` is missing: ")]
    assert problem.endswith(f"Set {then}")
    reading = contract.read(obeyed(environ))
    assert reading.store is not None
    assert (reading.store.mode, reading.store.provider) == ("do", PROVIDERS["spaces"])


@pytest.mark.parametrize(
    ("domain", "how"),
    [
        ("acme-media.nyc3.cdn.digitaloceanspaces.com", "Set `STORAGES_MODE=do` and `DO_REGION=nyc3`."),
        ("acme-media.fra1.digitaloceanspaces.com", "Set `STORAGES_MODE=do` and `DO_REGION=fra1`."),
        ("pub-0123456789abcdef.r2.dev", "to its endpoint, https://ACCOUNT.r2.cloudflarestorage.com."),
        ("f004.backblazeb2.com/file/acme-media", "to its endpoint, https://s3.REGION.backblazeb2.com."),
        ("acme-media.s3.fr-par.scw.cloud", "Set `AWS_S3_ENDPOINT_URL=https://s3.fr-par.scw.cloud`."),
        ("storage.googleapis.com/acme-media", "Set `AWS_S3_ENDPOINT_URL=https://storage.googleapis.com`."),
    ],
)
def test_domain_of_another_provider_says_where_the_bucket_is(domain: str, how: str) -> None:
    environ = {"STORAGE_BUCKET_NAME": "acme-media", **PAIR, "AWS_S3_CUSTOM_DOMAIN": domain}
    for public in ("true", "false"):
        [problem] = problems({**environ, "STORAGE_MAKE_FILES_PUBLIC": public})
        assert problem.startswith("`AWS_S3_ENDPOINT_URL` is missing: the domain ")
        assert problem.endswith(how)


@pytest.mark.parametrize(
    "domain", ["d111111abcdef8.cloudfront.net", "media.example.com", "acme-media.s3.amazonaws.com"]
)
def test_domain_of_anybody_says_nothing_of_the_place(domain: str) -> None:
    assert contract.read({**S3, "AWS_S3_CUSTOM_DOMAIN": domain}).problems == ()


def test_key_for_a_name_server_is_none_of_a_bucket() -> None:
    assert contract.read({"STORAGE_BUCKET_NAME": "acme-media", "HETZNER_DNS_API_KEY": "abc"}).problems == ()


def test_region_in_capitals_is_told_in_lower_case() -> None:
    [problem] = problems({**S3, "AWS_S3_ENDPOINT_URL": "https://s3.gra.io.cloud.ovh.net", "AWS_S3_REGION_NAME": "GRA"})
    assert problem.endswith('is "GRA"; write the region\'s code in lower case, gra.')


def test_region_of_a_space_is_not_guessed() -> None:
    lines = {line.name: line.value for line in propose(named("SPACES")).lines}
    assert (lines["STORAGES_MODE"], lines["DO_REGION"]) == ("do", None)


@pytest.mark.parametrize("more", [{"AWS_S3_ENDPOINT_URL": "https://s3.example.com"}, {"STORAGES_MODE": "do"}])
def test_place_that_is_decided_is_not_asked_for(more: dict[str, str]) -> None:
    assert not any("speak of" in said for said in problems({**named("WASABI"), **more}))


def test_broken_endpoint_is_not_called_missing() -> None:
    environ = {**S3, "AWS_S3_ENDPOINT_URL": "https://user:word@s3.example.com", "R2_TOKEN": "x1"}
    assert [said for said in problems(environ) if "is missing" in said] == []


def test_address_with_a_password_is_not_shown() -> None:
    environ = {"MINIO_BUCKET": "media", "MINIO_URL": "http://ada:a-secret-word@minio:9000", "MINIO_PORT": "9000"}
    assert "a-secret-word" not in "".join(problems(environ))


def test_token_beside_a_secret_is_no_secret() -> None:
    assert not any("R2_TOKEN" in said for said in problems(named("R2", TOKEN="x1", ACCOUNT_ID=ACCOUNT)))


@pytest.mark.parametrize("provider", [one for one in PROVIDERS.values() if one.form], ids=lambda one: one.id)
def test_form_of_an_endpoint_is_that_of_its_provider(provider: object) -> None:
    assert isinstance(provider, type(PROVIDERS["b2"]))
    regions = {
        "b2": "us-west-004",
        "scaleway": "nl-ams",
        "ionos": "eu-south-2",
        "exoscale": "ch-gva-2",
        "contabo": "eu2",
    }
    region = regions.get(provider.id, "ewr1" if provider.id in {"vultr", "hetzner"} else "eu-west-1")
    made = provider.form.replace("REGION", region).replace("PROJECT", PROJECT).replace("ACCOUNT", ACCOUNT)
    assert recognise(made)[0] is provider


@pytest.mark.parametrize(
    ("name", "variable", "note"),
    [
        ("BUCKET_HOST", "AWS_S3_ENDPOINT_URL", ""),
        ("BUCKET_PORT", "AWS_S3_ENDPOINT_URL", foreign.PART),
        ("MINIO_EXTERNAL_ENDPOINT_USE_HTTPS", "AWS_S3_PUBLIC_ENDPOINT_URL", foreign.PART),
        ("S3_AUTH_UPLOADS_BUCKET", "STORAGE_BUCKET_NAME", ""),
        ("HETZNER_LOCATION", "AWS_S3_REGION_NAME", ""),
        ("SUPABASE_BUCKET", "STORAGE_BUCKET_NAME", ""),
    ],
)
def test_name_has_its_meaning(name: str, variable: str, note: str) -> None:
    meaning = foreign.meaning(name)
    assert meaning is not None
    assert (meaning.variable, meaning.note) == (variable, note)


@pytest.mark.parametrize(
    "name",
    [
        "SUPABASE_URL",
        "SUPABASE_KEY",
        "SUPABASE_SERVICE_ROLE_KEY",
        "SUPABASE_ANON_KEY",
        "FILE_STORAGE_BACKEND_ARGUMENTS",
    ],
)
def test_name_of_another_service_has_none(name: str) -> None:
    assert foreign.meaning(name) is None


@pytest.mark.parametrize("folder", ["static", "/static/", '"staticfiles"', "assets"])
def test_folder_of_static_files_is_not_taken_for_that_of_uploads(folder: str) -> None:
    # https://testdriven.io/blog/storing-django-static-and-media-files-on-amazon-s3/
    reading = contract.read({**S3, "AWS_LOCATION": folder})
    assert reading.problems == ()
    assert [said for said in reading.warnings if "a folder of static files" in said]
    assert not any(
        line.name == "STORAGE_LOCATION" and line.value for line in propose({**S3, "AWS_LOCATION": folder}).lines
    )


def test_address_is_written_in_full() -> None:
    assert whereabouts.in_full("true") == ""
    assert whereabouts.in_full("minio:9000") == "http://minio:9000"
    assert whereabouts.in_full("s3.example.com") == "https://s3.example.com"
