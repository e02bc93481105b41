"""Decide how files reach people: by which address, and what signs the links. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from holdall.bases import Base
from holdall.environment.domains import bucket_at_amazon, is_website_at_amazon
from holdall.environment.entries import Entries
from holdall.environment.store import Store
from holdall.environment.variables import BY_NAME
from holdall.hosts import is_inside
from holdall.providers import AMAZON

DOMAIN, PUBLIC_ENDPOINT, SIGNS = "AWS_S3_CUSTOM_DOMAIN", "AWS_S3_PUBLIC_ENDPOINT_URL", "AWS_S3_SIGN_FOR_DOMAIN"
KEY_ID, KEY = "AWS_CLOUDFRONT_KEY_ID", "AWS_CLOUDFRONT_KEY"

# How others call the address at which browsers reach a server.
_OUTSIDE_NAME = re.compile(
    r"(?=.*(?:S3|MINIO|STORAGE|BUCKET|MEDIA))(?=.*(?:PUBLIC|EXTERNAL|BROWSER|OUTSIDE))(?=.*(?:ENDPOINT|URL|HOST|DOMAIN))"
)


def delivered(env: Entries, store: Store) -> Store:
    """Add to a store how its files reach people."""
    store = store._replace(public_endpoint_url=env.get(PUBLIC_ENDPOINT))
    if "STORAGE_MAKE_FILES_PUBLIC" in env.broken:
        # Without that, the purpose of the domain is unknown.
        return store
    half = [name for name in (KEY_ID, KEY) if env.is_set(name)]
    if len(half) == 1:
        other = KEY if half == [KEY_ID] else KEY_ID
        env.problem(half[0], f"is set but `{env.prefix}{other}` is not; set both, or neither.", "D140")
    store = _public(env, store) if store.public else _private(env, store)
    _scheme_elsewhere(env)
    _unreachable(env, store)
    return store


def _public(env: Entries, store: Store) -> Store:
    if not env.is_set(DOMAIN):
        env.problem(
            DOMAIN,
            "is missing; public files are served from the CDN in front of the bucket, and this names its domain.",
            "D141",
        )
    if env.is_set(KEY_ID) or env.is_set(KEY):
        env.warning(KEY_ID, "is not used: links to public files are not signed.", "D142")
    if env.get(SIGNS):
        env.warning(SIGNS, "is not used: links to public files are not signed.", "D164")
    _bucket_itself(env, store)
    return store._replace(custom_domain=env.get(DOMAIN), domain_is_limited=env.get("STORAGE_DOMAIN_IS_LIMITED", False))


def _bucket_itself(env: Entries, store: Store) -> None:
    """Find public links that lead past any CDN, to a bucket of Amazon's: by itself, it shows nothing to anybody."""
    domain = env.get(DOMAIN)
    bucket = bucket_at_amazon(domain) if domain and store.bucket_name and store.provider is AMAZON else ""
    if bucket == store.bucket_name and bucket:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
        env.warning(
            DOMAIN,
            f"is {domain}, the bucket's own host and no CDN: public files open there only if the bucket's policy lets everybody "
            "read them and Block Public Access is off; `holdall provision` prints what to ask for. If CloudFront is in front "
            "of the bucket, write its domain."
            + (
                " Such a website answers no https." if is_website_at_amazon(domain) and domain.scheme == "https" else ""
            ),
            "D224",
        )
    elif bucket:
        env.warning(
            DOMAIN,
            f'is {domain}, the host of the bucket "{bucket}", and files are saved in "{store.bucket_name}": links lead to '
            "another bucket than the files are in.",
            "D166",
        )


def _is_own_host(store: Store, domain: Base) -> bool:
    """Say whether a domain is where signed links lead anyway."""
    if store.endpoint_url is None:
        return bucket_at_amazon(domain) == store.bucket_name
    endpoint = urlsplit(store.endpoint_url)
    own = f"{store.bucket_name}.{endpoint.netloc}", f"{endpoint.netloc}/{store.bucket_name}"
    return domain.address in own or bucket_at_amazon(domain) == store.bucket_name


def _private(env: Entries, store: Store) -> Store:
    domain, key_id, key = env.get(DOMAIN), env.get(KEY_ID), env.get(KEY)
    has_keys = env.is_set(KEY_ID) or env.is_set(KEY)
    if env.get(SIGNS) and has_keys:
        env.problem(
            SIGNS,
            f"is true, but `{env.prefix}{KEY_ID}` and `{env.prefix}{KEY}` sign links for the domain; a link has one "
            "signature: unset one or the other.",
            "D163",
        )
        return store
    for name in (SIGNS, KEY_ID):
        if (env.get(SIGNS) if name == SIGNS else has_keys) and not env.is_set(DOMAIN):
            finding = "D162" if name == SIGNS else "D144"
            env.problem(name, f"signs links for `{env.prefix}{DOMAIN}`, which is missing.", finding)
    if not domain or (has_keys and not (key_id and key)):
        return store
    if key_id and key:
        return store._replace(custom_domain=domain, cloudfront_key_id=key_id, cloudfront_key=key)
    if store.mode == "do" and SIGNS in env.parsed and not env.get(SIGNS):
        env.warning(SIGNS, "is not used in mode do: links on the domain of a Space are always signed so.", "D129")
    if store.mode == "do" and (why := _in_the_path(env, store)):
        # https://docs.digitalocean.com/products/spaces/how-to/enable-cdn/: "Presigned URLs only work with the Spaces CDN
        # when they use virtual-hosted-style URLs".
        env.warning(
            DOMAIN,
            "is not used: files are private, and the CDN of a Space passes signed links on only if the bucket's name is before "
            f"the host. Here it is in the path, because {why}. Links lead to the Space itself.",
            "D165",
        )
        env.effective[DOMAIN] = ("", f"not used for private files, because {why}")
        return store
    if store.mode == "do" or env.get(SIGNS):
        return store._replace(custom_domain=domain, signs_for_domain=True)
    if store.bucket_name and _is_own_host(store, domain):
        env.warning(
            DOMAIN,
            f"is not used, and not needed: it is the bucket's own host, where links to private files lead anyway. Unset it; or "
            f"set `{env.prefix}STORAGE_MAKE_FILES_PUBLIC=true` if everybody may see every file.",
            "D143",
        )
        env.effective[DOMAIN] = ("", "not used for private files: it is the bucket's own host")
        return store
    # jschneier/django-storages#165: links to private files for a domain that nobody signs for are refused to everyone.
    on_amazon = store.provider is AMAZON
    same_server = ""
    if is_inside(urlsplit(store.endpoint_url or "").hostname or "") and not store.public_endpoint_url:
        same_server = (
            f"`{env.prefix}{PUBLIC_ENDPOINT}={domain.origin}` if it is the same server as browsers reach it, or "
        )
    env.warning(
        DOMAIN,
        "is not used: files are private, and nothing signs links for it. Set "
        + same_server
        + ("the CloudFront keys, or " if on_amazon else "")
        + f"`{env.prefix}{SIGNS}=true` if the domain passes signed links on to the bucket, or "
        f"`{env.prefix}STORAGE_MAKE_FILES_PUBLIC=true` if everybody may see every file.",
        "D143",
    )
    unsigned = f"without {'CloudFront keys or ' if on_amazon else ''}{SIGNS}"
    env.effective[DOMAIN] = ("", f"not used for private files {unsigned}")
    return store


def _in_the_path(env: Entries, store: Store) -> str:
    if store.addressing_style == "path":
        return f"`{env.prefix}AWS_S3_ADDRESSING_STYLE` is path"
    # No certificate covers a host that begins with them.
    return f'"{store.bucket_name}" has dots' if "." in store.bucket_name else ""


def _scheme_elsewhere(env: Entries) -> None:
    """Find the scheme where django-storages has it, if the domain's own says otherwise."""
    name, domain = "AWS_S3_URL_PROTOCOL", env.get(DOMAIN)
    scheme = env.environ.get(f"{env.prefix}{name}", "").strip().rstrip(":/").lower()
    if domain and scheme in {"http", "https"} and scheme != domain.scheme:
        written = domain._replace(scheme=scheme).url
        env.warning(
            name,
            f"is not read by Holdall; write the scheme before the domain: `{env.prefix}{DOMAIN}={written}`.",
            "D148",
        )


def _unreachable(env: Entries, store: Store) -> None:
    """Find links that lead to a host which only machines of one network know: each looks right, and opens for nobody."""
    if store.custom_domain:
        name, host, shown = DOMAIN, store.custom_domain.host, str(store.custom_domain)
    elif store.public:
        # What is missing has been said.
        return
    elif store.public_endpoint_url:
        name, shown = PUBLIC_ENDPOINT, store.public_endpoint_url
        host = urlsplit(shown).hostname or ""
    else:
        name, shown = "AWS_S3_ENDPOINT_URL", store.endpoint_url or ""
        host = urlsplit(shown).hostname or ""
    if not is_inside(host):
        return
    remedy = (
        f"set `{env.prefix}{PUBLIC_ENDPOINT}` to the address at which they reach the same server, such as "
        f"{shown.replace(f'//{host}', '//localhost', 1)} on a development machine."
        if name == "AWS_S3_ENDPOINT_URL"
        else "write the address at which they reach the server."
    )
    if others := _outside_names(env):
        remedy += f" Holdall does not read {', '.join(f'`{one}`' for one in others[:3])}, which may hold it."
    env.warning(
        name, f"is {shown}, and links lead there, but browsers on other machines do not know {host}; {remedy}", "D161"
    )


def _outside_names(env: Entries) -> list[str]:
    """Name what may be the address for browsers, as other tools call it."""
    ours = {env.prefix + known for known in BY_NAME}
    return sorted(
        name
        for name, value in env.environ.items()
        if name.startswith(env.prefix)
        and name not in ours
        and value.strip()
        and name.isprintable()
        and _OUTSIDE_NAME.search(name)
    )
