"""Hosts and what they tell."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall import providers

# The host of an endpoint, its provider, the region to sign for, and where the bucket's name stands.
ENDPOINTS = [
    ("s3.amazonaws.com", "amazon", None, "virtual"),
    ("s3.eu-central-1.amazonaws.com", "amazon", "eu-central-1", "virtual"),
    ("s3-eu-west-1.amazonaws.com", "amazon", "eu-west-1", "virtual"),
    ("s3.dualstack.us-east-2.amazonaws.com", "amazon", "us-east-2", "virtual"),
    ("s3-fips.us-gov-west-1.amazonaws.com", "amazon", "us-gov-west-1", "virtual"),
    ("s3-fips.dualstack.us-east-1.amazonaws.com", "amazon", "us-east-1", "virtual"),
    ("s3.cn-north-1.amazonaws.com.cn", "amazon", "cn-north-1", "virtual"),
    ("s3.eusc-de-east-1.amazonaws.eu", "amazon", "eusc-de-east-1", "virtual"),
    ("s3-accelerate.amazonaws.com", "amazon", None, "virtual"),
    ("s3-accelerate.dualstack.amazonaws.com", "amazon", None, "virtual"),
    ("bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "amazon", "us-east-1", "virtual"),
    ("bucket.vpce-1a2b3c4d-5e6f-us-east-1a.s3.us-east-1.vpce.amazonaws.com", "amazon", "us-east-1", "virtual"),
    ("ams3.digitaloceanspaces.com", "spaces", "ams3", "virtual"),
    ("SFO3.DigitalOceanSpaces.com", "spaces", "sfo3", "virtual"),
    ("0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com", "r2", "auto", "path"),
    ("0123456789abcdef0123456789abcdef.eu.r2.cloudflarestorage.com", "r2", "auto", "path"),
    ("0123456789abcdef0123456789abcdef.fedramp.r2.cloudflarestorage.com", "r2", "auto", "path"),
    ("s3.us-west-004.backblazeb2.com", "b2", "us-west-004", "path"),
    ("s3.eu-central-003.backblazeb2.com", "b2", "eu-central-003", "path"),
    ("s3.nl-ams.scw.cloud", "scaleway", "nl-ams", "path"),
    ("s3.gra.io.cloud.ovh.net", "ovh", "gra", "path"),
    ("s3.eu-west-par.io.cloud.ovh.net", "ovh", "eu-west-par", "path"),
    ("s3.us-east-va.perf.cloud.ovh.us", "ovh", "us-east-va", "path"),
    ("s3.gra.cloud.ovh.net", "ovh", "gra", "path"),
    ("storage.gra.cloud.ovh.net", "ovh", "gra", "path"),
    ("hel1.your-objectstorage.com", "hetzner", "hel1", "path"),
    ("s3.ap-southeast-2.wasabisys.com", "wasabi", "ap-southeast-2", "path"),
    ("s3.wasabisys.com", "wasabi", "us-east-1", "path"),
    ("fly.storage.tigris.dev", "tigris", "auto", "virtual"),
    ("t3.storage.dev", "tigris", "auto", "virtual"),
    ("t3.storageapi.dev", "tigris", "auto", "virtual"),
    ("storage.railway.app", "railway", "auto", "virtual"),
    ("oss-cn-hangzhou.aliyuncs.com", "alibaba", "cn-hangzhou", "virtual"),
    ("s3.oss-eu-central-1.aliyuncs.com", "alibaba", "eu-central-1", "virtual"),
    ("s3.oss-cn-beijing-internal.aliyuncs.com", "alibaba", "cn-beijing", "virtual"),
    ("oss-accelerate.aliyuncs.com", "alibaba", "us-east-1", "virtual"),
    ("cos.ap-guangzhou.myqcloud.com", "tencent", "ap-guangzhou", "virtual"),
    ("cos.accelerate.myqcloud.com", "tencent", "us-east-1", "virtual"),
    ("s3.ru-1.storage.selcloud.ru", "selectel", "ru-1", "virtual"),
    ("obs.cn-north-4.myhuaweicloud.com", "huawei", "cn-north-4", "virtual"),
    ("nl-ams-1.linodeobjects.com", "linode", "nl-ams-1", "path"),
    ("ewr1.vultrobjects.com", "vultr", "ewr1", "path"),
    ("sos-ch-gva-2.exo.io", "exoscale", "ch-gva-2", "path"),
    ("sos-de-fra-1.exo.io", "exoscale", "de-fra-1", "path"),
    ("mynamespace.compat.objectstorage.eu-frankfurt-1.oraclecloud.com", "oracle", "eu-frankfurt-1", "path"),
    ("ns.compat.objectstorage.us-ashburn-1.oci.customer-oci.com", "oracle", "us-ashburn-1", "path"),
    ("s3.eu-de.cloud-object-storage.appdomain.cloud", "ibm", "eu-de", "path"),
    ("s3.private.us-south.cloud-object-storage.appdomain.cloud", "ibm", "us-south", "path"),
    ("s3.direct.us.cloud-object-storage.appdomain.cloud", "ibm", "us", "path"),
    ("eu-001.s3.synologyc2.net", "synology", "eu-001", "path"),
    ("oos.eu-west-2.outscale.com", "outscale", "eu-west-2", "path"),
    ("eu-central-2.storage.impossibleapi.net", "impossible", "eu-central-2", "path"),
    ("us-east.object.fastlystorage.app", "fastly", "us-east", "path"),
    ("s3.eu-luxembourg-1.megas4.com", "mega", "eu-luxembourg-1", "path"),
    ("s3.eu-central-1.s4.mega.io", "mega", "eu-central-1", "path"),
    ("s3-cn-east-1.qiniucs.com", "qiniu", "cn-east-1", "path"),
    ("s-ed1.cloud.gcore.lu", "gcore", "s-ed1", "path"),
    ("us-central-1.telnyxcloudstorage.com", "telnyx", "us-central-1", "path"),
    ("nl.object-storage.io", "leaseweb", "us-east-1", "path"),
    ("objects-us-east-1.dream.io", "dreamhost", "us-east-1", "path"),
    ("obs.eu-de.otc.t-systems.com", "otc", "eu-de", "path"),
    ("object.storage.eu01.onstackit.cloud", "stackit", "eu01", "path"),
    ("s3-eu-central-1.ionoscloud.com", "ionos", "de", "path"),
    ("s3.eu-central-1.ionoscloud.com", "ionos", "de", "path"),
    ("s3-eu-south-2.ionoscloud.com", "ionos", "eu-south-2", "path"),
    ("s3.eu-central-3.ionoscloud.com", "ionos", "eu-central-3", "path"),
    ("s3.us-west-1.idrivee2.com", "idrive", "us-west-1", "path"),
    ("x5g9.ldn.idrivee2-28.com", "idrive", "us-east-1", "path"),
    ("storage.googleapis.com", "google", "auto", "path"),
    ("storage.europe-west3.rep.googleapis.com", "google", "auto", "path"),
    ("storage.yandexcloud.net", "yandex", "ru-central1", "path"),
    ("s3.cubbit.eu", "cubbit", "eu-west-1", "path"),
    ("s3.filebase.com", "filebase", "us-east-1", "path"),
    ("abcdefghijklmnopqrst.supabase.co", "supabase", "us-east-1", "path"),
    ("abcdefghijklmnopqrst.storage.supabase.co", "supabase", "us-east-1", "path"),
    ("gateway.storjshare.io", "storj", "us-east-1", "path"),
    ("gateway.eu1.storjshare.io", "storj", "us-east-1", "path"),
    ("eu2.contabostorage.com", "contabo", "us-east-1", "path"),
    ("abc12.upcloudobjects.com", "upcloud", "us-east-1", "path"),
    ("cellar-c2.services.clever-cloud.com", "cellar", "us-east-1", "path"),
    ("s3.pub1.infomaniak.cloud", "infomaniak", "us-east-1", "path"),
    ("s3-kna1.citycloud.com", "cleura", "us-east-1", "path"),
    ("garage:3900", "garage", "garage", "path"),
    ("garage.example.com", "garage", "garage", "path"),
    ("s3.garage.svc:3900", "garage", "garage", "path"),
    ("minio:9000", "generic", "us-east-1", "path"),
    ("rustfs:9000", "generic", "us-east-1", "path"),
    ("seaweedfs:8333", "generic", "us-east-1", "path"),
    ("localstack:4566", "generic", "us-east-1", "path"),
    ("s3.localhost.localstack.cloud:4566", "generic", "us-east-1", "path"),
    ("ceph.example.com", "generic", "us-east-1", "path"),
    ("parking-garages.example.com", "generic", "us-east-1", "path"),
    ("storage.example.com", "generic", "us-east-1", "path"),
    ("127.0.0.1:8333", "generic", "us-east-1", "path"),
    ("[::1]:8333", "generic", "us-east-1", "path"),
]
# Of these, hosts of a known provider whose region is only a default.
DEFAULTS = {
    "alibaba": "oss-accelerate",
    "tencent": "cos.accelerate",
    "leaseweb": "",
    "idrive": "x5g9",
    "cellar": "",
    "supabase": "",
    "storj": "",
    "contabo": "",
    "upcloud": "",
    "infomaniak": "",
    "cleura": "",
    "garage": "",
    "generic": "",
}


@pytest.mark.parametrize(("host", "provider", "region", "addressing"), ENDPOINTS)
def test_host_tells_provider_region_and_addressing(
    host: str, provider: str, region: str | None, addressing: str
) -> None:
    found, named = providers.recognise(f"https://{host}")
    assert (found.id, named, found.addressing) == (provider, region, addressing)
    is_default = provider in DEFAULTS and host.startswith(DEFAULTS[provider])
    assert providers.region_is_told(f"https://{host}") == (region is not None and not is_default)


def test_table_has_a_host_of_every_provider() -> None:
    assert {row[1] for row in ENDPOINTS} == {*providers.PROVIDERS} - {"seaweedfs"}


@pytest.mark.parametrize("provider", providers.PROVIDERS.values(), ids=lambda provider: provider.id)
def test_provider_that_refuses_path_style_names_its_source(provider: providers.Provider) -> None:
    assert not provider.refuses_path_style or (provider.addressing == "virtual" and provider.sources)


@pytest.mark.parametrize(
    "host",
    [
        "acme.s3.eu-central-1.amazonaws.com",
        "acme.ams3.digitaloceanspaces.com",
        "acme.ams3.cdn.digitaloceanspaces.com",
        "s3.eu-central-1.amazonaws.com.evil.example",
        "s3-amazonaws.com",
        "eu-west-1amazonaws.com",
        "ams3-digitaloceanspaces.com",
        "evil.example",
    ],
)
def test_host_that_only_resembles_a_provider_is_generic(host: str) -> None:
    assert providers.recognise(f"https://{host}") == (providers.GENERIC, "us-east-1")


def test_no_endpoint_means_amazon() -> None:
    assert providers.recognise(None) == (providers.AMAZON, None)


@given(st.from_regex(r"[a-z0-9.-]{0,40}", fullmatch=True))
def test_any_host_is_some_provider(host: str) -> None:
    assert providers.recognise(f"https://{host}")[0].id in providers.PROVIDERS


@pytest.mark.parametrize("host", ["a.ams3.cdn.digitaloceanspaces.com", "d1.cloudfront.net", "pub-1.r2.dev"])
def test_delivery_host_is_recognised(host: str) -> None:
    assert providers.DELIVERY_HOST.search(host)
    assert providers.recognise(f"https://{host}")[0] is providers.GENERIC


@pytest.mark.parametrize("provider", providers.PROVIDERS.values(), ids=lambda provider: provider.id)
def test_provider_is_frozen_and_consistent(provider: providers.Provider) -> None:
    assert provider.addressing in {"path", "virtual"}
    assert not provider.conditional_complete or provider.conditional_put
    if provider.host:
        assert re.compile(provider.host)
    with pytest.raises(AttributeError):
        provider.title = "another"


def test_providers_with_facts_name_their_sources() -> None:
    for provider in providers.PROVIDERS.values():
        claims = (
            provider.conditional_put,
            provider.conditional_complete,
            provider.public_by_acl,
            provider.sdk_checksums,
            provider.md5_etags,
        )
        assert provider.sources or not any(claims), provider.id


def test_only_amazon_is_trusted_with_more_than_is_measured() -> None:
    trusted = [one.id for one in providers.PROVIDERS.values() if one.sdk_checksums or one.conditional_complete]
    assert trusted == ["amazon"]
