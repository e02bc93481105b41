"""Where something is missing, what the environment does hold is spoken of, with the variable that it probably means."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

import holdall
from holdall.environment import contract, foreign
from tests.unit.environment.test_contract import ACCESS, PAIR, S3, SECRET, SPACES, problems, usable, warned

# Names of guides, add-ons, hosts and other frameworks, and the variable of the contract that each of them means.
NAMES = {
    "STORAGE_BUCKET_NAME": """AWS_BUCKET S3_BUCKET BUCKET_NAME BUCKET AWS_S3_BUCKET S3BUCKET AWSBUCKET MINIO_BUCKET
        MINIO_DEFAULT_BUCKETS MINIO_STORAGE_MEDIA_BUCKET_NAME SPACES_BUCKET SPACES_NAME DO_SPACES_NAME DO_SPACE_NAME
        DO_SPACES_BUCKET_NAME R2_BUCKET R2_BUCKET_NAME CLOUDFLARE_R2_BUCKET B2_BUCKET_NAME BUCKETEER_BUCKET_NAME
        LINODE_BUCKET WASABI_BUCKET SCW_BUCKET_NAME GS_BUCKET_NAME GCS_BUCKET AWS_MEDIA_BUCKET_NAME OBJECT_STORAGE_BUCKET
        SUPABASE_STORAGE_BUCKET AWS_S3_UPLOAD_BUCKET_NAME S3_CONTAINER DISCOURSE_S3_BUCKET s3_bucket S3-BUCKET""",
    "AWS_S3_ENDPOINT_URL": """S3_ENDPOINT_URI MINIO_ENDPOINT MINIO_STORAGE_ENDPOINT MINIO_HOST MINIO_URL SPACES_ENDPOINT
        DO_SPACES_ENDPOINT R2_ENDPOINT R2_ENDPOINT_URL R2_ACCOUNT_ID CLOUDFLARE_ACCOUNT_ID CLOUDFLARE_R2_BUCKET_ENDPOINT
        B2_ENDPOINT TIGRIS_STORAGE_ENDPOINT AWS_S3_HOST S3_HOST S3_HOSTNAME S3_URL CELLAR_ADDON_HOST ENDPOINT ENDPOINT_URL
        SUPABASE_S3_ENDPOINT STORAGE_ENDPOINT OBJECT_STORAGE_ENDPOINT MINIO_PORT S3_PROTOCOL MINIO_STORAGE_USE_HTTPS""",
    "AWS_ACCESS_KEY_ID": """MINIO_ACCESS_KEY MINIO_ROOT_USER MINIO_STORAGE_ACCESS_KEY SPACES_KEY SPACES_ACCESS_KEY_ID
        DO_SPACES_KEY DO_SPACES_ACCESS_KEY R2_ACCESS_KEY_ID CLOUDFLARE_R2_ACCESS_KEY B2_APPLICATION_KEY_ID B2_KEY_ID
        LINODE_BUCKET_ACCESS_KEY WASABI_ACCESS_KEY_ID SCW_ACCESS_KEY TIGRIS_STORAGE_ACCESS_KEY_ID S3_KEY S3_ACCESS_KEY
        S3_ACCESS_KEY_ID ACCESS_KEY_ID ACCESS_KEY AWS_KEY CELLAR_ADDON_KEY_ID CLOUDCUBE_ACCESS_KEY_ID STORAGE_KEY
        S3_ACCESSKEY AWS_ACCESSKEY OBJECT_STORAGE_ACCESS_KEY""",
    "AWS_SECRET_ACCESS_KEY": """MINIO_SECRET_KEY MINIO_ROOT_PASSWORD MINIO_STORAGE_SECRET_KEY SPACES_SECRET
        SPACES_SECRET_ACCESS_KEY DO_SPACES_SECRET DO_SPACES_SECRET_KEY R2_SECRET_ACCESS_KEY CLOUDFLARE_R2_SECRET_KEY
        B2_APPLICATION_KEY B2_APP_KEY LINODE_BUCKET_SECRET_KEY WASABI_SECRET_ACCESS_KEY SCW_SECRET_KEY S3_SECRET
        S3_SECRET_KEY S3_SECRET_ACCESS_KEY SECRET_ACCESS_KEY ACCESS_KEY_SECRET AWS_SECRET CELLAR_ADDON_KEY_SECRET
        STORAGE_SECRET STORAGE_SECRET_KEY AWS_SECRETKEY ACME_SECRET_ACCESS_KEY OSS_ACCESS_KEY_SECRET R2_TOKEN""",
    "AWS_SESSION_TOKEN": "S3_SESSION_TOKEN AWS_S3_SESSION_TOKEN",
    "AWS_S3_REGION_NAME": """S3_REGION MINIO_REGION R2_REGION B2_REGION LINODE_BUCKET_REGION LINODE_CLUSTER WASABI_REGION
        SCW_DEFAULT_REGION AWS_BUCKET_REGION STORAGE_REGION BUCKET_REGION""",
    "DO_REGION": "SPACES_REGION DO_SPACES_REGION DIGITALOCEAN_REGION",
    "AWS_S3_CUSTOM_DOMAIN": """CDN_URL CDN_DOMAIN CDN_HOST AWS_CLOUDFRONT_DOMAIN CLOUDFRONT_DOMAIN CLOUDFRONT_URL
        S3_CLOUDFRONT_HOST S3_ALIAS_HOST AWS_URL ASSET_HOST R2_PUBLIC_URL R2_PUBLIC_DOMAIN S3_PUBLIC_URL AWS_S3_PUBLIC_URL
        DO_SPACES_CDN_ENDPOINT SPACES_CDN_DOMAIN AWS_MEDIA_CUSTOM_DOMAIN MINIO_STORAGE_MEDIA_URL MEDIA_DOMAIN MEDIA_HOST
        S3_BUCKET_URL S3_DOMAIN""",
    "AWS_S3_PUBLIC_ENDPOINT_URL": """MINIO_EXTERNAL_ENDPOINT MINIO_PUBLIC_ENDPOINT S3_PUBLIC_ENDPOINT MINIO_SERVER_URL
        S3_EXTERNAL_URL""",
    "AWS_S3_ADDRESSING_STYLE": """S3_FORCE_PATH_STYLE AWS_USE_PATH_STYLE_ENDPOINT AWS_S3_FORCE_PATH_STYLE S3_USE_PATH_STYLE
        S3_ADDRESSING_STYLE""",
    "AWS_CLOUDFRONT_KEY_ID": "CLOUDFRONT_KEY_ID CLOUDFRONT_KEY_PAIR_ID CLOUDFRONT_PUBLIC_KEY_ID",
    "AWS_CLOUDFRONT_KEY": "CLOUDFRONT_PRIVATE_KEY CLOUDFRONT_SIGNING_KEY",
    "STORAGE_MAKE_FILES_PUBLIC": """S3_ACL S3_PERMISSION MINIO_STORAGE_MEDIA_USE_PRESIGNED AWS_S3_BUCKET_AUTH
        AWS_DEFAULT_ACL AWS_QUERYSTRING_AUTH""",
    "STORAGE_LOCATION": "S3_PREFIX S3_KEY_PREFIX BUCKET_PREFIX S3_FOLDER AWS_MEDIA_LOCATION MEDIA_LOCATION S3_PATH",
    "STORAGE_URL_LIFETIME": "S3_SIGNED_URL_EXPIRES AWS_PRESIGNED_EXPIRY S3_URL_EXPIRY PRESIGNED_URL_EXPIRATION",
    "STORAGE_CACHE_LIFETIME": "AWS_S3_MAX_AGE_SECONDS S3_CACHE_CONTROL",
    "STORAGE_TIMEOUT": "S3_READ_TIMEOUT",
    "STORAGES_MODE": """FILE_STORAGE MEDIA_STORAGE DEFAULT_FILE_STORAGE STORAGE_BACKEND STORAGE_TYPE USE_S3 S3_ENABLED
        USE_MINIO USE_SPACES FILESYSTEM_DISK FILESYSTEM_DRIVER""",
}
# What only looks like it, and what other services have.
OTHERS = """SECRET_KEY DJANGO_SECRET_KEY STRIPE_SECRET_KEY JWT_SECRET_KEY APP_SECRET RECAPTCHA_SECRET_KEY CSS3_PREFIX
    CSS3_KEY R2D2_KEY R2D2_ENDPOINT RATE_LIMIT_BUCKET BACKUP_S3_BUCKET WALG_S3_PREFIX OTEL_EXPORTER_OTLP_ENDPOINT
    AWS_SQS_ENDPOINT AWS_ENDPOINT_URL_SQS AWS_SES_ACCESS_KEY_ID TWITTER_ACCESS_TOKEN_SECRET DATABASE_URL REDIS_URL
    HOSTNAME ALLOWED_HOSTS AWS_PROFILE AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_CA_BUNDLE AWS_CONFIG_FILE
    AWS_SHARED_CREDENTIALS_FILE AWS_EC2_METADATA_DISABLED AWS_STS_REGIONAL_ENDPOINTS
    AWS_EC2_METADATA_SERVICE_ENDPOINT AWS_USE_FIPS_ENDPOINT AWS_IGNORE_CONFIGURED_ENDPOINT_URLS AWS_MAX_ATTEMPTS
    AWS_ACCOUNT_ID AWS_EXECUTION_ENV FLY_REGION RAILWAY_PUBLIC_DOMAIN KUBERNETES_SERVICE_HOST
    FILE_UPLOAD_PERMISSIONS FILE_UPLOAD_MAX_MEMORY_SIZE STATIC_URL STATIC_ROOT MEDIA_ROOT NAMESPACE WORKSPACE_ID
    SITE_DOMAIN DOMAIN DEFAULT_FROM_EMAIL SUPABASE_URL SUPABASE_KEY KEY TOKEN PATH HOME"""
PLACES = [(name, variable) for variable, names in NAMES.items() for name in names.split()]


def known(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[1] in contract.BY_NAME]


def spoken_of(environ: dict[str, str]) -> str:
    reading = contract.read(environ)
    return "\n".join([*reading.problems, *reading.warnings])


@pytest.mark.parametrize(("name", "variable"), PLACES)
def test_name_means_a_variable_by_its_words(name: str, variable: str) -> None:
    meant = foreign.meaning(name)
    assert meant is not None
    assert meant.variable == variable
    assert foreign.is_interesting(name)


@pytest.mark.parametrize(("name", "variable"), known(PLACES))
def test_name_of_another_tool_is_spoken_of_where_nothing_is_set_up(name: str, variable: str) -> None:
    said = spoken_of({name: "https://media.example.com"})
    assert f"`{name}` is not read by Holdall" in said
    assert f"`{variable}`" in said


@pytest.mark.parametrize("name", OTHERS.split())
def test_name_of_another_service_is_left_alone(name: str) -> None:
    assert name not in spoken_of({name: "https://example.com"})
    assert warned({**S3, name: "https://example.com"}) == []


@pytest.mark.parametrize("name", ["S3_BUCKET", "CDN_URL", "S3_REGION", "USE_S3", "S3_PREFIX", "S3_ACL", "GCS_BUCKET"])
def test_nothing_is_said_of_names_where_nothing_is_missing(name: str) -> None:
    assert warned({**S3, **PAIR, name: "media.example.com"}) == []


def test_path_of_the_site_is_no_domain() -> None:
    assert "MEDIA_URL" not in spoken_of({"MEDIA_URL": "/media/"})
    assert "`MEDIA_URL` is not read by Holdall; set `AWS_S3_CUSTOM_DOMAIN`" in spoken_of(
        {"MEDIA_URL": "https://media.example.com/"}
    )


def test_domain_is_looked_for_where_public_files_need_one() -> None:
    told = problems({**S3, "STORAGE_MAKE_FILES_PUBLIC": "true", "CDN_URL": "https://cdn.example.com"})
    assert "`CDN_URL` is not read by Holdall; did you mean `AWS_S3_CUSTOM_DOMAIN`?" in told


def test_keys_of_a_space_are_looked_for() -> None:
    environ = {"STORAGES_MODE": "do", "STORAGE_BUCKET_NAME": "acme", "SPACES_KEY": "DO00X", "DO_SPACES_SECRET": "x"}
    told = problems(environ)
    assert "`SPACES_KEY` is not read by Holdall; did you mean `AWS_ACCESS_KEY_ID`?" in told
    assert "`DO_SPACES_SECRET` is not read by Holdall; did you mean `AWS_SECRET_ACCESS_KEY`?" in told
    assert warned({**SPACES, "SPACES_REGION": "fra1"}) == [
        "`SPACES_REGION` is not read by Holdall; set `DO_REGION` if it is meant for the storage."
    ]


ROLE = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x"}


@pytest.mark.parametrize(
    "key", ["S3_KEY", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "STORAGE_SECRET", "AWS_S3_ACCESS_KEY_ID"]
)
def test_keys_are_not_looked_for_where_a_role_supplies_them(key: str) -> None:
    assert warned({**S3, **ROLE, key: "x" * 20}) == []
    assert key not in spoken_of({"S3_BUCKET": "acme", **ROLE, key: "x" * 20})
    assert key in spoken_of({**S3, key: "x" * 20})


@pytest.mark.parametrize(
    "environ",
    [
        {"R2_ACCOUNT_ID": "0123456789abcdef0123456789abcdef"},
        {"R2_ACCESS_KEY_ID": "x", "R2_SECRET_ACCESS_KEY": "y"},
        {**PAIR, "R2_ENDPOINT": "https://0123.r2.cloudflarestorage.com"},
        {**PAIR, "CLOUDFLARE_R2_BUCKET": "acme"},
        {**PAIR, **ROLE, "R2_PUBLIC_URL": "https://pub-0123.r2.dev"},
    ],
)
def test_bucket_beside_names_of_r2_is_never_amazons(environ: dict[str, str]) -> None:
    told = problems({**S3, **environ})
    assert told[0].startswith("`AWS_S3_ENDPOINT_URL` is missing: `")
    assert "without it the bucket would be looked for at Amazon S3" in told[0]
    amazon = {**S3, **environ, "AWS_S3_ENDPOINT_URL": "https://s3.eu-west-1.amazonaws.com"}
    assert usable(amazon).provider.id == "amazon"


def test_keys_of_another_provider_are_not_left_to_amazon() -> None:
    told = problems({**S3, "MINIO_ROOT_USER": "minio", "MINIO_ROOT_PASSWORD": "minio123"})
    assert told[0].startswith("`AWS_S3_ENDPOINT_URL` is missing: `MINIO_ROOT_USER` and `MINIO_ROOT_PASSWORD` speak of")
    told = problems({**S3, "SPACES_KEY": "DO00X", "SPACES_SECRET": "y"})
    assert "Set `STORAGES_MODE=do`;" in told[0]
    assert usable({**S3, **PAIR, "MINIO_ROOT_USER": "minio"})


def test_endpoint_is_asked_for_once_where_the_region_is_another_providers() -> None:
    environ = {**S3, **PAIR, "AWS_REGION": "auto", "AWS_ENDPOINT_URL_S3": "https://fly.storage.tigris.dev"}
    reading = contract.read(environ)
    assert len([said for said in (*reading.problems, *reading.warnings) if "`AWS_ENDPOINT_URL_S3`" in said]) == 1
    assert "write its value into `AWS_S3_ENDPOINT_URL`" in "".join(reading.problems)


def test_option_of_django_storages_is_named_and_works() -> None:
    for name, option in foreign.OPTIONS.items():
        [said] = warned({**S3, name: "x"})
        assert said.startswith(f"`{name}` is not read from the environment; it is the option `{option}`: ")
    line = said.partition(": `")[2].removesuffix("`.").replace("…", "None").replace("(", "(S3, ")
    made = eval(line, {"holdall": holdall, "S3": S3})
    assert "client_config" in made["default"]["OPTIONS"]


# -- a set with a prefix

COOKIECUTTER = {
    "DJANGO_AWS_ACCESS_KEY_ID": ACCESS,
    "DJANGO_AWS_SECRET_ACCESS_KEY": SECRET,
    "DJANGO_AWS_STORAGE_BUCKET_NAME": "acme-media",
    "DJANGO_AWS_S3_REGION_NAME": "eu-west-1",
}
BUCKETEER = {
    "BUCKETEER_AWS_ACCESS_KEY_ID": ACCESS,
    "BUCKETEER_AWS_SECRET_ACCESS_KEY": SECRET,
    "BUCKETEER_AWS_REGION": "eu-west-1",
    "BUCKETEER_BUCKET_NAME": "bucketeer-0123",
}


@pytest.mark.parametrize("environ", [COOKIECUTTER, BUCKETEER], ids=["cookiecutter", "bucketeer"])
def test_set_with_a_prefix_is_named_with_a_line_that_reads_it(environ: dict[str, str]) -> None:
    told = problems({**environ, "DJANGO_SECRET_KEY": "x" * 50, "DJANGO_AWS_S3_MAX_MEMORY_SIZE": "100"})
    [said] = told
    prefix = next(iter(environ)).partition("_")[0]
    assert f"begins with `{prefix}_`, and so do 3 others; `holdall.from_env(" in said
    line = said.partition("; `")[2].partition("`")[0]
    namespace = {"holdall": holdall, "os": os}
    with mock.patch.dict(os.environ, environ, clear=True):
        exec(f"STORAGES = {line}", namespace)
    options = namespace["STORAGES"]["default"]["OPTIONS"]  # type: ignore[index]  # what the line made
    assert options["bucket_name"] in environ.values()
    assert options["region_name"] == "eu-west-1"
    assert options["secret_key"].reveal() == SECRET


def test_set_of_a_second_store_is_left_to_it() -> None:
    private = {f"PRIVATE_{name}": value for name, value in {**S3, **PAIR}.items()}
    assert warned({**S3, **private}) == []
    [said] = contract.read(private, beside=["", "PRIVATE_"]).problems
    assert said.startswith("`STORAGE_BUCKET_NAME` is missing")


# -- a store in one address

DSNS = {
    f"s3://{ACCESS}:wJalr%2FXUtn%2BFEMI@s3.eu-west-1.amazonaws.com/acme-media": {
        "STORAGE_BUCKET_NAME": "acme-media",
        "AWS_S3_REGION_NAME": "eu-west-1",
    },
    f"s3://{ACCESS}:wJalr/XUtn+FEMI@acme-media": {"STORAGE_BUCKET_NAME": "acme-media"},
    f"s3://{ACCESS}:wJalr/XUtn+FEMI@acme-media/uploads?region=eu-west-1": {
        "STORAGE_BUCKET_NAME": "acme-media",
        "STORAGE_LOCATION": "uploads",
        "AWS_S3_REGION_NAME": "eu-west-1",
    },
    f"s3://{ACCESS}:wJalr/XUtn+FEMI@minio:9000/media": {
        "STORAGE_BUCKET_NAME": "media",
        "AWS_S3_ENDPOINT_URL": "http://minio:9000",
    },
    f"s3://{ACCESS}:wJalr/XUtn+FEMI@acme.nyc3.digitaloceanspaces.com/up": {
        "STORAGES_MODE": "do",
        "DO_REGION": "nyc3",
        "STORAGE_BUCKET_NAME": "acme",
        "STORAGE_LOCATION": "up",
    },
    f"s3://{ACCESS}:wJalr/XUtn+FEMI@media?endpoint=https%3A%2F%2Fs3.example.com&region=here": {
        "STORAGE_BUCKET_NAME": "media",
        "AWS_S3_ENDPOINT_URL": "https://s3.example.com",
        "AWS_S3_REGION_NAME": "here",
    },
    f"s3+http://{ACCESS}:wJalr/XUtn+FEMI@s3.example.com/media": {
        "STORAGE_BUCKET_NAME": "media",
        "AWS_S3_ENDPOINT_URL": "http://s3.example.com",
    },
}


@pytest.mark.parametrize("name", ["STORAGE_URL", "AWS_S3_URL", "DATABASE_STORAGE", "MEDIA"])
@pytest.mark.parametrize("address", DSNS)
def test_address_with_keys_is_taken_apart_without_showing_them(name: str, address: str) -> None:
    [said] = problems({name: address})
    for part, value in DSNS[address].items():
        assert f"`{part}={value}`" in said
    assert "`AWS_ACCESS_KEY_ID=(20 characters of it)`" in said
    assert "`AWS_SECRET_ACCESS_KEY=(15 characters of it)`" in said
    for secret in ("XUtn", ACCESS):
        assert secret not in spoken_of({name: address})


@pytest.mark.parametrize(
    "address", ["postgres://ada:word@db/acme", "s3://acme-media", "https://ada:word@example.com/x"]
)
def test_other_addresses_are_left_alone(address: str) -> None:
    assert "STORAGE_URL" not in spoken_of({"STORAGE_URL": address})


def test_address_in_a_variable_of_ours_is_not_shown() -> None:
    said = spoken_of({"STORAGE_BUCKET_NAME": f"s3://{ACCESS}:hunter2@acme-media"})
    assert "`STORAGE_BUCKET_NAME` is an address with a password in it" in said
    assert "hunter2" not in said


# -- a file that nothing has read


def test_env_file_beside_manage_py_is_named_with_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manage.py").touch()
    (tmp_path / ".env").write_text(f"DEBUG=1\nexport STORAGE_BUCKET_NAME=acme-media\nAWS_SECRET_ACCESS_KEY={SECRET}\n")
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path / "app")
    [said] = problems({"PATH": "/bin"})
    assert said == (
        "`STORAGE_BUCKET_NAME` is missing, and the .env beside manage.py holds `STORAGE_BUCKET_NAME` and "
        "`AWS_SECRET_ACCESS_KEY`, and is not read by Holdall: load it in settings.py before `from_env`."
    )
    # Whoever has loaded it knows that it was read.
    [said] = problems({"DEBUG": "1", "STORAGE_BUCKET_NAME": "", "AWS_SECRET_ACCESS_KEY": ""})
    assert ".env" not in said
    assert usable(S3)


def test_env_file_that_is_a_pipe_or_missing_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / ".env")
    [said] = problems({"PATH": "/bin"})
    assert ".env" not in said
