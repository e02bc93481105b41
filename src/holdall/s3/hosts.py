"""To which host a store's links and requests go: the one that the SDK's own resolver names, for a bucket and a configuration.

The SDK reads it off rules of Amazon's: partitions, FIPS, dual stack, acceleration, access points. An ordinary store is
looked up in these rules alone, which costs a quarter of a client of the SDK. Where anything else counts, a client is asked.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session
from botocore import exceptions as sdk
from botocore.endpoint_provider import EndpointProvider
from botocore.loaders import create_loader

from holdall.s3.sessions import alone, session
from holdall.s3.signing import ALGORITHM, Place
from holdall.s3.target import Target

# What changes the host, from the environment or the SDK's own files, and what each is where it changes nothing.
# https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
_SETTINGS: dict[str, set[Any]] = {
    "use_fips_endpoint": {None, False},
    "use_dualstack_endpoint": {None, False},
    "defaults_mode": {None, "legacy"},
    "data_path": {None, ""},
}
# With hyphens and no more: what has a dot, or a suffix with a meaning ("--x-s3"), has rules of its own.
_ORDINARY_BUCKET = re.compile(r"[a-z0-9](?:-?[a-z0-9])+").fullmatch
# Not a name that stands for a region and something else: "aws-global", "fips-us-east-1", "s3-external-1".
_ORDINARY_REGION = re.compile(r"(?!aws-|s3-|fips-|.*-fips$)[a-z0-9-]+").fullmatch
_ORDINARY_ENDPOINT = re.compile(r"https?://[^/?#@]+(?:/[^/?#%]+)*").fullmatch
_DEFAULT_PORTS = {"http": 80, "https": 443}
# So many clients are kept, one for each configuration, whatever number of buckets.
_MOST_CLIENTS = 16
_clients: OrderedDict[tuple[Any, ...], Any] = OrderedDict()


def place(target: Target, endpoint_url: str | None, region_name: str | None) -> Place | None:
    """Tell where links and requests of a store lead. None: its requests are out of the ordinary, and the SDK makes all.

    Requests: none.
    """
    if (
        not target.bucket_name
        or not region_name
        or target.client_config
        or target.signature_version not in {None, "s3v4"}
        # Access points have rules of their own, and a directory bucket a session.
        or ":" in target.bucket_name
        or target.bucket_name.endswith("--x-s3")
    ):
        return None
    settings = _settings(target.profile)
    is_ordinary = (
        settings == ()
        and target.use_ssl
        and target.style in {"path", "virtual"}
        and _ORDINARY_BUCKET(target.bucket_name)
        and _ORDINARY_REGION(region_name)
        and (endpoint_url is None or (_ORDINARY_ENDPOINT(endpoint_url) and "amazonaws." not in endpoint_url.lower()))
    )
    if is_ordinary:
        return _looked_up(target.bucket_name, target.style, endpoint_url, region_name)
    return _asked(target, endpoint_url, region_name, settings)


@cache
def _reader(profile: str | None) -> Any:
    """Give what reads the SDK's settings: its files once, the environment each time."""
    return botocore.session.Session(profile=profile)


def _settings(profile: str | None) -> tuple[tuple[str, str], ...]:
    """Give what the environment or the SDK's files say that may change the host; usually nothing."""
    reader = _reader(profile)
    try:
        said = {name: reader.get_config_variable(name) for name in _SETTINGS}
        section = reader.get_config_variable("s3")
    except sdk.BotoCoreError:
        # No client can be made either, so there is no other host.
        return ()
    unusual = [(name, repr(value)) for name, value in said.items() if value not in _SETTINGS[name]]
    return tuple(unusual) if not section else (*unusual, ("s3", repr(section)))


@cache
def _rules() -> Any:
    """Give what answers by the SDK's rules. Reading them takes 20 ms."""
    loader = create_loader()
    return EndpointProvider(loader.load_service_model("s3", "endpoint-rule-set-1"), loader.load_data("partitions"))


def _looked_up(bucket_name: str, style: str, endpoint_url: str | None, region_name: str) -> Place | None:
    given = {"Endpoint": endpoint_url} if endpoint_url else {}
    try:
        found = _rules().resolve_endpoint(
            Bucket=bucket_name,
            Region=region_name,
            ForcePathStyle=style == "path",
            # The SDK's own default for the oldest region is the host without a region.
            UseGlobalEndpoint=region_name == "us-east-1" and not endpoint_url,
            UseFIPS=False,
            UseDualStack=False,
            Accelerate=False,
            **given,
        )
    except sdk.BotoCoreError:
        # A client says what is wrong, in words for whoever set it.
        return None
    scheme, *others = found.properties.get("authSchemes", [{}])
    if scheme.get("name") != "sigv4" or scheme.get("signingName") != "s3" or others:
        return None
    return _place(found.url, scheme.get("signingRegion") or region_name)


def _asked(target: Target, endpoint_url: str | None, region_name: str, settings: Any) -> Place | None:
    """Let a client of the SDK make a link, with keys that are none, and take it apart."""
    key = (endpoint_url, region_name, target.style, target.profile, target.use_ssl, settings)
    try:
        client = _clients.get(key)
        if client is None:
            with alone():
                client = session(target.profile).client(
                    "s3",
                    region_name=region_name,
                    endpoint_url=endpoint_url,
                    use_ssl=target.use_ssl,
                    aws_access_key_id="none",
                    aws_secret_access_key="none",
                    config=target.config(),
                )
            _clients[key] = client
            if len(_clients) > _MOST_CLIENTS:
                _clients.popitem(last=False)
        link = client.generate_presigned_url("get_object", Params={"Bucket": target.bucket_name, "Key": "key"})
    except (sdk.BotoCoreError, ValueError, TypeError, AttributeError):
        return None
    if not isinstance(link, str):
        return None
    query = parse_qs(urlsplit(link).query)
    _, _, region, service, *_ = [*unquote(query.get("X-Amz-Credential", [""])[0]).split("/"), "", "", "", ""]
    if query.get("X-Amz-Algorithm") != [ALGORITHM] or service != "s3":
        return None
    return _place(link.partition("?")[0].removesuffix("/key"), region)


def _place(url: str, region_name: str) -> Place | None:
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return None
    # The default port is in no signature.
    default = f":{_DEFAULT_PORTS.get(parts.scheme)}"
    host = parts.netloc.removesuffix(default)
    return Place(scheme=parts.scheme, host=host, path=parts.path.rstrip("/"), region=region_name)
