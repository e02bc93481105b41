"""Providers of which only the address is known: their hosts, the region that each host stands for, and where the bucket goes.

`holdall.providers` makes a `Provider` of each. A row has its source; what a source does not say has no row's word, and is
a default that people can change.
"""

from __future__ import annotations

from typing import NamedTuple

_RCLONE = "https://rclone.org/s3/"


class Address(NamedTuple):
    """How one provider is reached."""

    id: str
    title: str
    # What its hosts end in.
    domains: tuple[str, ...]
    # Matched against the endpoint's whole host; the group `region` is the region to sign for.
    host: str
    source: str
    # The region to sign for where the host does not tell.
    region: str = "us-east-1"
    # Whether that region is documented; otherwise it is only what most servers accept.
    region_is_known: bool = False
    # "virtual": path style is refused, at least for new buckets.
    addressing: str = "path"
    # Where its API is below the host; what else an endpoint has after its host is a mistake.
    path: str = ""
    # The endpoint as its documentation writes it, with REGION or PROJECT where those go; "" if it is not known.
    form: str = ""


# A region's code, as most providers write it.
_R = r"(?P<region>[a-z0-9]+(?:-[a-z0-9]+)*)"

ADDRESSES = (
    # -- refuse the bucket in the path
    Address(
        "tigris",
        "Tigris",
        (".tigris.dev", ".storage.dev", ".storageapi.dev"),
        r"fly\.storage\.tigris\.dev|t3\.storage\.dev|t3\.storageapi\.dev",
        "https://www.tigrisdata.com/blog/virtual-hosted-urls/",
        region="auto",
        region_is_known=True,
        addressing="virtual",
        form="https://t3.storage.dev",
    ),
    Address(
        "railway",
        "Railway",
        (".railway.app",),
        r"storage\.railway\.app",
        "https://docs.railway.com/guides/storage-buckets",
        region="auto",
        region_is_known=True,
        addressing="virtual",
        form="https://storage.railway.app",
    ),
    Address(
        "alibaba",
        "Alibaba Cloud OSS",
        (".aliyuncs.com",),
        r"(?:s3\.)?oss-(?:(?P<region>[a-z]{2}-[a-z]+(?:-\d)?)(?:-internal)?|accelerate(?:-overseas)?)\.aliyuncs\.com",
        "https://www.alibabacloud.com/help/en/oss/developer-reference/use-aws-sdks-to-access-oss",
        addressing="virtual",
        form="https://oss-REGION.aliyuncs.com",
    ),
    Address(
        "tencent",
        "Tencent Cloud COS",
        (".myqcloud.com", ".tencentcos.cn"),
        r"cos\.(?:(?P<region>[a-z]{2}-[a-z0-9-]+)|accelerate(?:-overseas)?)\.(?:myqcloud\.com|tencentcos\.cn)",
        "https://www.tencentcloud.com/document/product/436/57456",
        addressing="virtual",
        form="https://cos.REGION.myqcloud.com",
    ),
    Address(
        "selectel",
        "Selectel",
        (".selcloud.ru",),
        rf"s3\.{_R}\.storage\.selcloud\.ru",
        "https://docs.selectel.ru/en/s3/buckets/addressing-types/",
        addressing="virtual",
        form="https://s3.REGION.storage.selcloud.ru",
    ),
    Address(
        "huawei",
        "Huawei Cloud OBS",
        (".myhuaweicloud.com", ".myhuaweicloud.eu"),
        rf"obs\.{_R}\.myhuaweicloud\.(?:com|eu)",
        "https://support.huaweicloud.com/intl/en-us/api-obs/obs_errorcode_0014.html",
        addressing="virtual",
    ),
    # -- the region is in the host
    Address(
        "linode",
        "Linode",
        (".linodeobjects.com",),
        rf"{_R}\.linodeobjects\.com",
        _RCLONE,
        form="https://REGION.linodeobjects.com",
    ),
    Address(
        "vultr",
        "Vultr",
        (".vultrobjects.com",),
        r"(?P<region>[a-z]{3}\d)\.vultrobjects\.com",
        "https://docs.vultr.com/products/cloud-storage/object-storage",
        form="https://REGION.vultrobjects.com",
    ),
    Address(
        "exoscale",
        "Exoscale",
        (".exo.io",),
        r"sos-(?P<region>[a-z]{2}-[a-z]{2,3}-\d)\.exo\.io",
        "https://community.exoscale.com/product/storage/object-storage/",
        form="https://sos-REGION.exo.io",
    ),
    Address(
        "oracle",
        "Oracle Cloud",
        (".oraclecloud.com", ".customer-oci.com"),
        rf"(?:[a-z0-9_-]+\.compat|vhcompat)\.objectstorage\.{_R}\.(?:oraclecloud\.com|oci\.customer-oci\.com)",
        "https://docs.oracle.com/en-us/iaas/Content/Object/Tasks/s3compatibleapi.htm",
    ),
    Address(
        "ibm",
        "IBM Cloud",
        (".cloud-object-storage.appdomain.cloud",),
        rf"s3\.(?:(?:private|direct)\.)?{_R}\.cloud-object-storage\.appdomain\.cloud",
        "https://cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-endpoints",
    ),
    Address("synology", "Synology C2", (".synologyc2.net",), rf"{_R}\.s3\.synologyc2\.net", _RCLONE),
    Address(
        "outscale",
        "OUTSCALE",
        (".outscale.com",),
        rf"oos\.{_R}\.outscale\.com",
        _RCLONE,
        form="https://oos.REGION.outscale.com",
    ),
    Address(
        "impossible",
        "Impossible Cloud",
        (".impossibleapi.net",),
        rf"{_R}\.storage\.impossibleapi\.net",
        _RCLONE,
    ),
    Address("fastly", "Fastly", (".fastlystorage.app",), rf"{_R}\.object\.fastlystorage\.app", _RCLONE),
    Address("mega", "MEGA S4", (".megas4.com", ".s4.mega.io"), rf"s3\.{_R}\.(?:megas4\.com|s4\.mega\.io)", _RCLONE),
    Address("qiniu", "Qiniu", (".qiniucs.com",), rf"s3-{_R}\.qiniucs\.com", _RCLONE),
    Address(
        "gcore",
        "Gcore",
        (".cloud.gcore.lu",),
        r"(?P<region>s-[a-z0-9]+)\.cloud\.gcore\.lu",
        "https://gcore.com/docs/storage/manage-s3-storage/s3-service-urls-and-default-region-names",
    ),
    Address(
        "telnyx",
        "Telnyx",
        (".telnyxcloudstorage.com", ".telnyxstorage.com"),
        rf"{_R}\.(?:telnyxcloudstorage|telnyxstorage)\.com",
        "https://developers.telnyx.com/docs/cloud-storage/bucket-addressing",
    ),
    Address(
        "leaseweb",
        "Leaseweb",
        (".object-storage.io",),
        r"(?:nl|de)\.object-storage\.io",
        "https://developer.leaseweb.com/aws",
    ),
    Address(
        "dreamhost",
        "DreamObjects",
        (".dream.io",),
        rf"objects-{_R}\.dream\.io",
        "https://help.dreamhost.com/hc/en-us/sections/115000903931-DreamObjects",
        form="https://objects-REGION.dream.io",
    ),
    Address(
        "otc",
        "Open Telekom Cloud",
        (".otc.t-systems.com",),
        rf"obs\.{_R}\.otc\.t-systems\.com",
        "https://docs.otc.t-systems.com/regions-and-endpoints/index.html",
    ),
    Address(
        "stackit",
        "STACKIT",
        (".onstackit.cloud",),
        rf"object\.storage\.{_R}\.onstackit\.cloud",
        "https://docs.stackit.cloud/products/storage/object-storage/",
    ),
    # Its newer regions; the first one calls itself "de".
    Address(
        "ionos",
        "IONOS",
        (".ionoscloud.com",),
        r"s3[.-](?:eu-central-1|(?P<region>(?:eu|us)-[a-z]+-\d))\.ionoscloud\.com",
        _RCLONE,
        region="de",
        region_is_known=True,
        form="https://s3.REGION.ionoscloud.com",
    ),
    Address(
        "idrive",
        "IDrive e2",
        (".com",),
        rf"s3\.{_R}\.idrivee2\.com|[a-z0-9]+\.[a-z0-9]+\.idrivee2-\d+\.com",
        "https://www.idrive.com/s3-storage-e2/guides/",
    ),
    # -- one region, whatever the host
    Address(
        "google",
        "Google Cloud Storage",
        (".googleapis.com",),
        r"storage(?:\.[a-z0-9-]+\.rep)?\.googleapis\.com",
        "https://docs.cloud.google.com/storage/docs/aws-simple-migration",
        region="auto",
        region_is_known=True,
        form="https://storage.googleapis.com",
    ),
    Address(
        "yandex",
        "Yandex Cloud",
        (".yandexcloud.net",),
        r"storage\.yandexcloud\.net",
        "https://yandex.cloud/en/docs/storage/tools/boto",
        region="ru-central1",
        region_is_known=True,
        form="https://storage.yandexcloud.net",
    ),
    Address(
        "cubbit",
        "Cubbit",
        (".cubbit.eu",),
        r"s3\.cubbit\.eu",
        _RCLONE,
        region="eu-west-1",
        region_is_known=True,
    ),
    Address(
        "filebase",
        "Filebase",
        (".filebase.com", ".filebase.io"),
        r"s3\.filebase\.(?:com|io)",
        "https://filebase.com/docs/configurations/sdk-examples/aws-sdk-python",
        region_is_known=True,
        form="https://s3.filebase.com",
    ),
    Address(
        "cellar",
        "Clever Cloud Cellar",
        (".services.clever-cloud.com",),
        r"cellar-[a-z0-9-]+\.services\.clever-cloud\.com",
        "https://www.clever-cloud.com/developers/doc/addons/cellar/",
    ),
    # -- what the host does not tell
    Address(
        "supabase",
        "Supabase",
        (".supabase.co", ".supabase.com", ".supabase.red"),
        r"[a-z0-9]+(?:\.storage)?\.supabase\.(?:co|com|red)",
        "https://supabase.com/docs/guides/storage/s3/authentication",
        path="/storage/v1/s3",
        form="https://PROJECT.storage.supabase.co/storage/v1/s3",
    ),
    Address(
        "storj",
        "Storj",
        (".storjshare.io",),
        r"gateway(?:\.[a-z0-9]+)?\.storjshare\.io",
        _RCLONE,
        form="https://gateway.storjshare.io",
    ),
    Address(
        "contabo",
        "Contabo",
        (".contabostorage.com",),
        r"[a-z]+\d\.contabostorage\.com",
        "https://docs.contabo.com/docs/products/Object-Storage/technical-description/",
        form="https://REGION.contabostorage.com",
    ),
    Address(
        "upcloud",
        "UpCloud",
        (".upcloudobjects.com",),
        r"[a-z0-9-]+\.upcloudobjects\.com",
        "https://upcloud.com/docs/products/managed-object-storage/",
    ),
    Address(
        "infomaniak",
        "Infomaniak",
        (".infomaniak.com", ".infomaniak.cloud"),
        r"s3\.(?:swiss-backup\d{2}\.infomaniak\.com|pub\d\.infomaniak\.cloud)",
        _RCLONE,
    ),
    Address(
        "cleura",
        "Cleura",
        (".citycloud.com",),
        r"s3-[a-z]+\d?\.citycloud\.com",
        "https://docs.cleura.cloud/howto/object-storage/s3/",
    ),
    # By the name of its container or its host: its own default is "garage", and it refuses other regions.
    Address(
        "garage",
        "Garage",
        (),
        r"(?:.*\.)?garage(?:-[a-z0-9-]+)?(?:\..*)?",
        "https://garagehq.deuxfleurs.fr/documentation/connect/",
        region="garage",
    ),
)
