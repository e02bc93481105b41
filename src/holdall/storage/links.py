"""The part of the storage that makes links: cheap, the same for a while, and without the SDK where that is possible."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured
from storages.backends.s3 import S3Storage

from holdall import names
from holdall.s3.cloudfront import custom_query
from holdall.s3.connection import Connection, connect
from holdall.s3.outside import outside
from holdall.s3.signing import Window, offset_of, public_url, window
from holdall.storage import content as rules
from holdall.storage.disposition import disposition

# As many links as a busy page has, ten times over; each is about half a kilobyte.
KEPT_LINKS = 4096


class Link(NamedTuple):
    """A link, and the span of time in which the same would be made again."""

    url: str
    since: float = 0.0
    until: float = math.inf


# The options that links are made of.
LINK_OPTIONS = (
    "location", "custom_domain", "url_protocol", "querystring_auth", "querystring_expire", "bucket_name",
    "public_endpoint_url", "sign_for_domain",
)  # fmt: skip


class LinkingStorage(S3Storage):  # type: ignore[misc]  # django-storages is not typed
    """django-storages' storage, with links of our own. `MediaStorage` gives it a connection and its rule for keys."""

    def _normalize_name(self, name: str) -> str:
        """Give the key of a file or the prefix of a folder: django-storages asks for both, and projects override it."""
        cleaned = names.clean(name)
        make = names.to_prefix if not cleaned or cleaned.endswith("/") else names.to_key
        return make(name, location=self.location)

    def _key(self, name: str) -> str:
        """Give the key of a file, by the project's own rule if it has one: what any request about an object names.

        Raises:
            InvalidName: the name is no file's. Nothing was sent.
        """
        if not self._own_keys:
            return names.to_key(name, location=self.location)
        key = self._normalize_name(names.clean_file(name))
        # A project's own rule may leave nothing of a name.
        names.clean_file(key)
        return key

    def _prefix(self, path: str) -> str:
        """Give what the keys in a folder begin with: empty, or ending in a slash."""
        prefix = self._normalize_name(path)
        return f"{prefix}/" if prefix and not prefix.endswith("/") else prefix

    def _prepare_links(self) -> None:
        # A project's own rule for keys counts for links too.
        self._own_keys = type(self)._normalize_name is not LinkingStorage._normalize_name
        # The accident: a project computes the location for each link, from the tenant that is served (a known
        # recipe), and a link that was remembered by its name shows one tenant the other's file.
        self._remembers_links = not self._own_keys and not any(
            hasattr(getattr(type(self), option, None), "__get__") for option in LINK_OPTIONS
        )
        # The embedded server may be restarted, and on another port.
        self._remembers_links = self._remembers_links and not self.local_folder
        # What comes before the names of all public links; "" if there is no such prefix, None until it is needed.
        self._base: str | None = None
        # Links that stay the same for a while, by name.
        self._links: dict[str | None, Link] = {}

    def url(
        self,
        name: str | None,
        parameters: dict[str, Any] | None = None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        *,
        download_as: str | None = None,
    ) -> str:
        """Give a link to the file, whether or not it exists: public as it is, private signed for `expire` seconds.

        `download_as` gives a link at which browsers save the file under this name, in any script. A store does that for
        signed links alone, so such a link is signed for the bucket and ends, also where files are public or on a CDN.

        Requests: none, but those that find keys and region once per process.
        """
        if parameters or expire is not None or http_method or download_as is not None:
            if isinstance(expire, timedelta):
                expire = int(expire.total_seconds())
            method = http_method or "GET"
            if download_as is None:
                return self._link(_text(name), parameters or {}, expire, method).url
            return self._download(_text(name), {**(parameters or {}), **_saved_as(download_as)}, expire, method).url
        base = self._base
        if base is None:
            base = self.__dict__["_base"] = self._public_base()
        if base and isinstance(name, str) and names.is_plain(name):
            return base + name
        kept = self._links.get(name)
        if kept is not None:
            url, since, until = kept
            # Not before its span either: a link that was made while the clock was ahead works longer than promised.
            if since <= time.time() < until:
                return url
        made = self._link(_text(name), {}, None, "GET")
        if self._remembers_links:
            if len(self._links) >= KEPT_LINKS:
                self._links.clear()
            self._links[name] = made
        return made.url

    def link(self, name: str, *, method: str = "GET", parameters: Mapping[str, str] | None = None) -> Link:
        """Give the link that `url` gives, with the time at which it changes. Requests: as `url`.

        With a `ResponseContentDisposition` in `parameters`, it is signed for the bucket as with `download_as`.
        """
        if parameters and "ResponseContentDisposition" in parameters:
            return self._download(_text(name), parameters, None, method)
        return self._link(_text(name), parameters or {}, None, method)

    def _public_base(self) -> str:
        location = self.location.strip("/")
        signed = self.querystring_auth and (self.cloudfront_signer or self.sign_for_domain)
        if signed or not (self.custom_domain and self._remembers_links) or (location and not names.is_plain(location)):
            return ""
        return f"{self.url_protocol}//{self.custom_domain}/{location}{'/' if location else ''}"

    def _link(self, name: str, parameters: Mapping[str, Any], expire: int | None, method: str) -> Link:
        """Make a link, and tell when the same would be made."""
        location = self.location.rstrip("/")
        key = f"{location}/{name}" if location else name
        cleaned = name
        if not names.is_plain(key) or self._own_keys:
            cleaned = names.clean(name)
            key = self._normalize_name(cleaned)
        lifetime_seconds = self.querystring_expire if expire is None else expire
        signs_for_domain = self._signs_for_domain
        if self.custom_domain and not signs_for_domain:
            return self._domain_link(cleaned, key, parameters, lifetime_seconds)
        place = self._link_store().place()
        if place and not (cleaned and self.querystring_auth):
            # Nothing can be signed for no key; Django gives the base of all links.
            url = public_url(place, key)
            return Link((self._at_domain(url) if signs_for_domain else url) + _query(parameters))
        return self._signed_link(cleaned, key, parameters, lifetime_seconds, method)

    def _download(self, name: str, parameters: Mapping[str, Any], expire: int | None, method: str) -> Link:
        """Make a link whose disposition the store overrides: it does so only for what is signed for itself.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Overrides
        """
        lifetime_seconds = self.querystring_expire if expire is None else expire
        return self._signed_link(names.clean(name), self._key(name), parameters, lifetime_seconds, method)

    def _signed_link(
        self, cleaned: str, key: str, parameters: Mapping[str, Any], lifetime_seconds: int, method: str
    ) -> Link:
        signs_for_domain = self._signs_for_domain
        store = self._link_store()
        place = store.place()
        signed = _signed_parameters(parameters)
        if place is None or signed is None:
            return Link(self._sdk_link(cleaned, parameters, lifetime_seconds, method), until=0.0)
        signer, keys_end_at = store.signers.signer(place)
        span = window(time.time(), lifetime_seconds=lifetime_seconds, offset=offset_of(key), keys_end_at=keys_end_at)
        if self.public is False and method == "GET" and "response-cache-control" not in signed:
            signed["response-cache-control"] = self._link_cache_control(cleaned, span)
        url = signer.url(key, span, method=method, parameters=signed)
        return Link(self._at_domain(url) if signs_for_domain else url, span.signed_at, span.changes_at)

    @property
    def _signs_for_domain(self) -> bool:
        """Whether links are signed for the bucket's own host and carry the domain's, which passes them on."""
        return bool(
            self.sign_for_domain and self.custom_domain and self.querystring_auth and not self.cloudfront_signer
        )

    def _at_domain(self, url: str) -> str:
        """Put the domain, and its path if it has one, in place of a link's host; what was signed is what the CDN sends."""
        return f"{self.url_protocol}//{self.custom_domain}{url[url.index('/', len('https://')) :]}"

    def _link_store(self) -> Connection:
        """Give the connection that signs links, at the address that browsers use. Requests: none."""
        return outside(self.store, self.public_endpoint_url) if self.public_endpoint_url else self.store

    @property
    def link_client(self) -> Any:
        """The SDK's client that signs for browsers, for what `url` does not make: `generate_presigned_post` for one.

        It is `connection.meta.client`, unless `public_endpoint_url` says that browsers use another address: a client
        signs for the address that it sends to, and that one sends to the endpoint.
        """
        return self._link_store().client if self.public_endpoint_url else self.connection.meta.client

    def _domain_link(self, name: str, key: str, parameters: Mapping[str, Any], lifetime_seconds: int) -> Link:
        url = f"{self._domain_url(key)}{_query(parameters)}"
        if not (name and self.querystring_auth and self.cloudfront_signer):
            return Link(url)
        span = window(time.time(), lifetime_seconds=lifetime_seconds, offset=offset_of(key))
        url = str(self.cloudfront_signer.generate_presigned_url(url, date_less_than=span.ends_at))
        return Link(url, span.signed_at, span.changes_at)

    def cloudfront_url(
        self,
        name: str,
        *,
        expire: int | timedelta | datetime | None = None,
        not_before: datetime | None = None,
        ip_address: str | None = None,
        resource: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """Give a link to a file on the private CDN domain that is bound to more than an end: a custom policy.

        - `expire`: how long it works, in seconds or as a timedelta, in windows as `url` has them; or the moment when it
          ends, exactly. Left out: as long as any link.
        - `not_before`: the moment from which on it works.
        - `ip_address`: the IPv4 address, or network (`"192.0.2.0/24"`), from which it works.
        - `resource`: the names that its signature opens besides, with `*` for any characters: `"videos/7/*"`, for a
          player that puts the query of the link on every segment. Whoever has the link has all of them.

        `url` gives links with a canned policy, which are shorter. Requests: none.

        Raises:
            ImproperlyConfigured: nothing signs links for CloudFront here.
            ValueError: the link would never work, or a moment says no time zone.
        """
        if not (self.custom_domain and self.cloudfront_signer):
            raise ImproperlyConfigured(
                f'A link to "{name}" cannot be signed for CloudFront: {self!r} has no domain with keys for it. Set '
                "`AWS_S3_CUSTOM_DOMAIN`, `AWS_CLOUDFRONT_KEY_ID` and `AWS_CLOUDFRONT_KEY`."
            )
        url = f"{self._domain_url(self._key(name))}{_query(parameters or {})}"
        opens = self._domain_url(self._normalize_name(names.clean(resource)), wildcard="*") if resource else url
        if isinstance(expire, datetime):
            until = expire
        else:
            seconds = expire.total_seconds() if isinstance(expire, timedelta) else expire
            lifetime_seconds = self.querystring_expire if seconds is None else int(seconds)
            # What one signature opens changes at one moment.
            until = window(time.time(), lifetime_seconds=lifetime_seconds, offset=offset_of(opens)).ends_at
        query = custom_query(
            self.cloudfront_signer, url, opens=opens, until=until, since=not_before, address=ip_address
        )
        return f"{url}{'&' if parameters else '?'}{query}"

    def cloudfront_cookies(self, resource: str, *, expire: int | timedelta | datetime | None = None) -> dict[str, str]:
        """Give the three cookies with which CloudFront opens all files of `resource`, such as `"videos/7/*"`.

        Set them for a domain that the site and the CDN have in common, with `Secure` and `HttpOnly`. They are the same
        for a window, and end as links do. Requests: none.

        Raises:
            ImproperlyConfigured, ValueError: as `cloudfront_url`.
        """
        # Any file that it opens will do: the policy is about the resource alone.
        url = self.cloudfront_url(resource.replace("*", "x"), expire=expire, resource=resource)
        return {f"CloudFront-{name}": value for name, value in parse_qsl(urlsplit(url).query)}

    def _domain_url(self, key: str, *, wildcard: str = "") -> str:
        """Give the address of a key on the CDN's domain, in Django's form but for what has a meaning in a policy.

        The attack: a file that was uploaded as "*" or "?", whose link would open every other file. Whoever has a link
        with a canned policy can write that policy out, and give it with the same signature as one of his own.
        """
        return f"{self.url_protocol}//{self.custom_domain}/{quote(key, safe=_PATH + wildcard)}"

    def _sdk_link(self, name: str, parameters: Mapping[str, Any], expire: int | None, method: str) -> str:
        """Let the SDK make a link that is out of the ordinary."""
        # It is no request: it is made also while the store does not answer, and says nothing of whether it does.
        key = self._normalize_name(name)
        is_download = "ResponseContentDisposition" in parameters
        with self.store.translating("linking", name=name, key=key, client=self._client, is_request=False):
            if not (self.public_endpoint_url or self._signs_for_domain or is_download):
                return str(super().url(name, dict(parameters), expire, method))
            if self.querystring_auth or is_download:
                client = self.link_client
            else:
                client = outside(connect(self.store.target, signed=False), self.public_endpoint_url).client
            given = {**parameters, "Bucket": self.bucket_name, "Key": key}
            url = str(client.generate_presigned_url("get_object", Params=given, ExpiresIn=expire, HttpMethod=method))
            return self._at_domain(url) if self._signs_for_domain else url

    def _link_cache_control(self, name: str, span: Window) -> str:
        """Give what a private link asks the store to say: the project's own word for the file, if it has one."""
        chosen = self.get_object_parameters(name).get("CacheControl")
        if isinstance(chosen, str) and chosen:
            return chosen
        if self._signs_for_domain:
            # The CDN keeps a copy for each link, and nobody asks for it once the link has changed.
            span_seconds = math.ceil(span.changes_at - span.signed_at)
            return rules.cache_control(public=True, lifetime_seconds=min(self.cache_lifetime, span_seconds))
        # A link does not know whether its name was given before, so the file may change before the link does.
        return rules.cache_control(public=False, lifetime_seconds=min(self.cache_lifetime, span.valid_seconds))

    @property
    def _cache_seconds(self) -> int:
        """The longest that anybody is shown a file whose name shows another one by now."""
        return int(self.cache_lifetime if self.public else min(self.cache_lifetime, self.querystring_expire))

    def __setattr__(self, name: str, value: Any) -> None:
        # Links that were kept were made with the options as they were.
        super().__setattr__(name, value)
        if (kept := self.__dict__.get("_links")) is not None:
            kept.clear()
            self.__dict__["_base"] = None

    def url_many(self, names: Iterable[str]) -> dict[str, str]:
        """Give a link for each name. Requests: as `url`, which for known keys is none."""
        return {name: self.url(name) for name in names}


# What Django leaves as it is in a path, without the asterisk; the other wildcard begins a query and is always encoded.
_PATH = "/~!()'"


def _text(name: object) -> str:
    """Give the name as text, which may be a path of pathlib's."""
    return "" if name is None else str(name)


# What `url(parameters=…)` may contain, in the SDK's words, and what S3 calls it in a query.
_SIGNED_PARAMETERS = {
    "ResponseCacheControl": "response-cache-control",
    "ResponseContentDisposition": "response-content-disposition",
    "ResponseContentEncoding": "response-content-encoding",
    "ResponseContentLanguage": "response-content-language",
    "ResponseContentType": "response-content-type",
    "VersionId": "versionId",
}


def _signed_parameters(parameters: Mapping[str, Any]) -> dict[str, str] | None:
    """Translate link parameters for the query; None when one of them is out of the ordinary."""
    if not parameters:
        return {}
    if all(name in _SIGNED_PARAMETERS and isinstance(value, str) for name, value in parameters.items()):
        return {_SIGNED_PARAMETERS[name]: value for name, value in parameters.items()}
    return None


def _saved_as(filename: str) -> dict[str, str]:
    return {"ResponseContentDisposition": disposition(filename, as_attachment=True)}


def _query(parameters: Mapping[str, Any]) -> str:
    return f"?{urlencode(parameters)}" if parameters else ""
