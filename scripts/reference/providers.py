"""The page of what is known of each provider, with its sources."""

from holdall import providers
from reference import prose

PART_CHECKS = {"signature": "the signature's SHA-256", "checksum": "`x-amz-checksum-sha256`"}


def page() -> str:
    said = {True: "yes", False: "no", None: "probed"}
    lines = [
        "# Providers",
        "",
        "What Holdall knows about each S3 provider, which it recognises by the host of the endpoint.",
        "Every fact here has a source; where nothing is known, Holdall asks the server.",
        "",
        (
            "- *Addressing*: where the bucket's name is in an address, before the host (`virtual`) or after it (`path`); "
            "`AWS_S3_ADDRESSING_STYLE` changes it."
        ),
        (
            "- *Region*: the region that requests are signed for, if you set none: from the endpoint's host, the only one "
            "of the provider, or a default."
        ),
        "- *Conditional create*: `PUT` with `If-None-Match: *` is refused when the key exists, so one of two writers wins.",
        (
            "- *Conditional completion*: the same for a multipart upload; where it is not known to work, "
            "the name is reserved first."
        ),
        (
            "- *Conditional delete*: `DELETE` with `If-Match` leaves a file alone that was saved under the key since; "
            "a fork deletes by it."
        ),
        (
            "- *Public by ACL*: public files are sent with the ACL `public-read`; elsewhere the bucket or the CDN decides, "
            "and no ACL is sent."
        ),
        "",
        (
            "| id | provider | addressing | region | conditional create | conditional completion | conditional delete "
            "| public by ACL | checksum |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in providers.PROVIDERS.values():
        checksum = "the SDK's, or the signature's" if one.sdk_checksums else "`Content-MD5`"
        if not one.sdk_checksums and one.checks_parts_by != "md5":
            checksum += f"; of parts {PART_CHECKS[one.checks_parts_by]}"
        lines += [
            (
                f"| `{one.id}` | {one.title} | {one.addressing} | {_region(one)} | {said[one.conditional_put]} | "
                f"{said[one.conditional_complete]} | {said[one.conditional_delete]} | {said[one.public_by_acl]} | "
                f"{checksum} |"
            )
        ]
    lines += ["", "## Sources", ""]
    for one in providers.PROVIDERS.values():
        lines += [f"- {one.title}: {_source(source)}" for source in one.sources]
    return prose.joined(lines)


def _region(one: providers.Provider) -> str:
    if one.id == "amazon":
        return "from the host, or asked"
    in_host = "from the host" if one.host and "(?P<region>" in one.host else ""
    other = f"`{one.region}`" if one.region_is_known else f"default `{one.region}`"
    if in_host and (not one.region_is_known or one.region == "us-east-1") and one.id != "wasabi":
        return in_host
    return f"{in_host}, or {other}" if in_host else other


def _source(text: str) -> str:
    return f"<{text}>" if text.startswith("https://") else f"{text}."
