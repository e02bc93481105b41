"""Write what is needed as one Markdown page that whoever runs the infrastructure reads and fills in. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import holdall
from holdall.provision import rights, settings, terraform
from holdall.provision.commands import key_by_hand
from holdall.provision.needs import DOMAIN, KEY_PAIR, SIGNER, Needs

# Around code. Not backticks, so that the page can itself be quoted as code, in a ticket or a transcript.
_FENCE = "~~~"
# https://docs.digitalocean.com/products/spaces/how-to/configure-bucket-policies/
_EXCLUDES = (
    "DigitalOcean does not allow a limited key and a bucket policy together, so please do not set a bucket policy."
)

_FOR_AMAZON = (
    "For the role of the instance, container or function that the application runs on, without any keys;",
    "or for a user of its own, with a key pair.",
)


def render(needs: Needs) -> str:
    """Write the page."""
    sections = [
        _title(needs),
        _program(),
        _bucket(needs),
        _delivery(needs),
        _choices(needs),
        _rights(needs),
        _answer(needs),
        _check(needs),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _title(needs: Needs) -> list[str]:
    whose = "reads, and never changes," if needs.read_only else "keeps"
    visible = (
        "Every file is public." if needs.store.public else "Files are private: they are served only by signed links."
    )
    where = _code(needs.bucket) + (f", under {_code(needs.key_prefix)}" if needs.key_prefix else "")
    return [
        f"# Media storage: the bucket {needs.bucket}",
        "",
        f"A Django application {whose} its media files in a bucket at {needs.where}: {where}.",
        visible,
        "This page, written by `holdall provision`, lists what it needs, why, and what to send back.",
        _other_formats(needs),
    ]


def _other_formats(needs: Needs) -> str:
    as_terraform = "as Terraform (`--format terraform`) and " if terraform.writes(needs) else ""
    return f"The same is available {as_terraform}as commands (`--format commands`)."


def _program() -> list[str]:
    return [
        "## How to get `holdall`",
        "",
        "You need it only to check what you made, on any machine with Python 3.11 or newer; no Django project is needed.",
        "There is no release yet: ask us for a clone of the repository or for a wheel, and install it:",
        "",
        f"{_FENCE}bash",
        "pipx install ./holdall",
        _FENCE,
        "",
        "Or run it without installing it:",
        "",
        f"{_FENCE}bash",
        "uvx --from ./holdall holdall --version",
        _FENCE,
        "",
        "`./holdall` is the folder with the clone. With a wheel, write its path instead, such as",
        f"`./django_holdall-{holdall.__version__}-py3-none-any.whl`.",
    ]


def _code(text: str) -> str:
    """Write a text as code; one with a backtick in it needs two around it."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    # A bar would end the cell, and a line break the table.
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in [head, *rows]]
    columns = lines[0].count(" | ") + 1
    return [f"| {lines[0]} |", "|---" * columns + "|", *(f"| {line} |" for line in lines[1:])]


# -- what is needed


def _bucket(needs: Needs) -> list[str]:
    if needs.read_only:
        return []
    region = f"`{needs.region}`" if needs.region else "of your choice; please tell us"
    # Elsewhere it is a word that the signature needs, and tells no place.
    chosen = needs.on_amazon or needs.region != needs.provider.region
    rows = [
        ("name", f"`{needs.bucket}`", "it is in the application's settings"),
        *(
            [("region", region, "close to the application: every save and every read is a request to it")]
            if chosen
            else []
        ),
        *_access_rows(needs),
        (
            "unfinished uploads",
            f"aborted after {settings.UNFINISHED_DAYS} days, by a lifecycle rule",
            "their parts are billed, and listings do not show them",
        ),
    ]
    why = {
        settings.STAGING: "direct uploads whose form was never submitted",
        settings.TRASH: "the trash; the days should cover the age of your backups",
    }
    rows += [
        (f"files under {_code(one.key_prefix + folder)}", f"expired after {days} days", why[folder])
        for one in (needs, *needs.neighbours)
        for _, folder, days in settings.areas(one)
    ]
    rows += [_cors_row(needs, rule) for rule in settings.cors_rules(needs)]
    return ["## The bucket", "", *_table(("what", "how", "why"), rows)]


def _cors_row(needs: Needs, rule: settings.Rule) -> tuple[str, str, str]:
    def listed(key: str) -> str:
        return ", ".join(f"`{one}`" for one in rule[key])

    also = " and upload files" if needs.with_uploads else ""
    shown = listed("ExposeHeaders")
    return (
        "CORS",
        f"{listed('AllowedMethods')} from {listed('AllowedOrigins')}, with any header (`*`); exposed: {shown}",
        f"pages of these sites read files from scripts or as fonts{also}",
    )


def _access_rows(needs: Needs) -> list[tuple[str, str, str]]:
    if needs.on_amazon:
        return [
            ("public access", "blocked, all four switches on", "the bucket itself makes nothing public"),
            ("object ownership", f"`{settings.OWNERSHIP}`: no ACLs", "Holdall never sends an ACL"),
        ]
    if needs.sends_acl:
        return [
            ("file listing", "restricted (the bucket's ACL `private`)", "a listing shows every file's name"),
            ("ACLs", "enabled", "each file is uploaded with the ACL `public-read`, which makes it public"),
        ]
    if needs.on_spaces:
        return [("file listing", "restricted (the bucket's ACL `private`)", "a listing shows every file's name")]
    return []


def _delivery(needs: Needs) -> list[str]:
    if needs.read_only:
        return []
    if needs.through_cloudfront:
        return ["## The CDN", "", *_cloudfront(needs)]
    if needs.through_spaces_cdn:
        stays = [] if needs.store.public else ["The files stay private: it passes signed links on to the Space."]
        return ["## The CDN", "", "Please enable the CDN of the Space.", _domain(needs), *stays]
    if needs.store.signs_for_domain:
        return ["## The CDN", "", *_passing_on(needs)]
    if not needs.store.public:
        return []
    if needs.sends_acl:
        return ["## Public files", "", "The ACL lets everybody read them.", _domain(needs)]
    lines = ["Please let everybody read the files, and nobody list them.", _domain(needs)]
    if needs.is_limited:
        lines.insert(
            1,
            f"The bucket also holds private files: let visitors read only what is under {_code(needs.key_prefix)}, and never "
            "the whole bucket.",
        )
    if statements := settings.policy_statements(needs):
        policy = rights.as_json(rights.bucket_policy(*statements))
        lines += ["If the provider supports bucket policies, use this one:", "", f"{_FENCE}json", policy, _FENCE]
    elif needs.on_r2:
        lines.append("On R2, add a custom domain to the bucket: the API's own host serves nothing without a signature.")
    return ["## Public files", "", *lines]


def _passing_on(needs: Needs) -> list[str]:
    return [
        "A CDN or proxy in front of the bucket, which stays private.",
        _domain(needs),
        "Each link is signed for the bucket's own host, and the store checks the signature:",
        "",
        "- Send the path and the whole query on unchanged, with the bucket's own host in the `Host` header.",
        "- Make the whole query part of the cache key. Otherwise a copy that one visitor has opened is shown to everybody.",
        "- Send no keys or signature of the CDN's own.",
    ]


def _domain(needs: Needs) -> str:
    if needs.base and needs.base.path:
        return f"The files should be served below `{needs.base}/`: after it comes the whole key."
    if needs.base:
        return f"The files should be served from the domain `{needs.base}`."
    return "Please tell us the domain that the files are served from."


def _cloudfront(needs: Needs) -> list[str]:
    statements = rights.cloudfront_statements(needs, needs.distribution_arn or "<the distribution's ARN>")
    lines = [
        "A CloudFront distribution with the bucket as its origin.",
        _domain(needs),
        "It reads the bucket through an origin access control that always signs requests (`sigv4`), and this bucket policy:",
        "",
        f"{_FENCE}json",
        rights.as_json(rights.bucket_policy(*statements)),
        _FENCE,
        "",
        "- No origin path: the links contain the whole key.",
        "- No `s3:ListBucket` for the distribution: its root would list every file.",
        "- Redirect viewers to HTTPS; allow `GET` and `HEAD`; use the cache policy `CachingOptimized`.",
    ]
    if needs.is_limited:
        lines += [
            f"- The bucket also holds private files. Let the distribution read {_code(needs.key_prefix + '*')} alone, as the",
            "  policy says, and remove any statement that lets it read more, such as one for the whole bucket.",
            f"- If you can, limit it at the edge too: a behavior for {_code('/' + needs.key_prefix + '*')}, and a default",
            "  behavior with a function that answers 403.",
        ]
    if needs.signed_by_cloudfront:
        lines.append(
            "- Restrict viewer access to a key group with our public key, which we will send you; please tell us its id."
        )
    if needs.origins:
        lines.append("- CORS: `OPTIONS` too, the origin request policy `CORS-S3Origin`, and the sites above in a")
        lines.append(
            "  response headers policy that overrides the origin, so that no cached copy has another site's headers."
        )
    return lines


def _choices(needs: Needs) -> list[str]:
    if needs.read_only:
        return []
    has = "" if needs.on_amazon else ", if the provider has {}"
    rows = [
        (
            f"versioning{has.format('it')}",
            "on or off",
            "deleted files stay as old versions, and are billed, until a lifecycle rule removes them",
        ),
        ("encryption", *_encryption(needs)),
        (f"access logs{has.format('them')}", "on or off", "the log belongs in another bucket"),
        (
            "deletion protection of the bucket",
            "on or off",
            "the bucket itself is never deleted; its files must stay deletable, so no retention for objects",
        ),
        ("names and tags of keys, roles and policies", "any", "the application does not see them"),
        (
            "storage class",
            "any that is read at once",
            "an archived file cannot be opened; the application reads old files too",
        ),
    ]
    return ["## What you may choose freely", "", *_table(("what", "your choice", "what to know"), rows)]


def _encryption(needs: Needs) -> tuple[str, str]:
    if not needs.on_amazon:
        return "any that the provider does by itself", "no key is sent with requests"
    also = ", and the distribution `kms:Decrypt`" if needs.through_cloudfront else ""
    return (
        "SSE-S3, or SSE-KMS with a key of yours",
        f"with SSE-KMS, the application also needs `kms:Decrypt` and `kms:GenerateDataKey` on the key{also}",
    )


# -- rights


def _rights(needs: Needs) -> list[str]:
    if needs.on_spaces:
        return ["## The key", "", *_spaces_key(needs)]
    if needs.on_r2:
        return ["## The key", "", *key_by_hand(needs)]
    rows = [(f"`{right.action}`", right.why) for right in (*rights.on_objects(needs), *rights.on_bucket(needs))]
    lines = ["## The permissions", "", *(_FOR_AMAZON if needs.on_amazon else key_by_hand(needs)), ""]
    lines += _table(("permission", "what fails without it"), rows)
    if needs.with_doctor:
        lines += [
            "",
            "The statement `HoldallDoctor` is optional: it lets us read the bucket's settings to explain what is wrong.",
        ]
    return [*lines, "", f"{_FENCE}json", rights.as_json(rights.app_policy(needs)), _FENCE]


def _spaces_key(needs: Needs) -> list[str]:
    permission = rights.spaces_permission(needs)
    shown = "Read" if needs.read_only else "Read/Write/Delete"
    lines = [
        f"A limited access key with the permission {shown} (`{permission}`) for the Space `{needs.bucket}` only.",
        "The application uses it to read and list files." if needs.read_only else _uses(needs),
        _EXCLUDES,
    ]
    if needs.key_prefix:
        lines.append(
            f"A key cannot be limited to the folder {_code(needs.key_prefix)}: it gives access to the whole Space."
        )
    return lines


def _uses(needs: Needs) -> str:
    acl = ", and to upload each with the ACL `public-read`" if needs.sends_acl else ""
    return f"The application uses it to save, read, list and delete files{acl}; it does not change any settings."


# -- what to send back


def _answer(needs: Needs) -> list[str]:
    return [
        "## What to send back",
        "",
        "These variables, filled in. Please send the secrets through a channel that nobody else can read.",
        "",
        f"{_FENCE}sh",
        *(f"{needs.prefix}{name}={shlex.quote(value) if value else ''}" for name, value in _environment(needs)),
        _FENCE,
    ]


def _environment(needs: Needs) -> list[tuple[str, str]]:
    """Give the environment file: what is known is written, what is asked for is empty, and a secret always is."""
    store = needs.store
    rows = [("STORAGES_MODE", store.mode), ("STORAGE_BUCKET_NAME", needs.bucket)]
    if store.mode == "do":
        rows.append(("DO_REGION", needs.region or ""))
    else:
        if store.endpoint_url:
            rows.append(("AWS_S3_ENDPOINT_URL", store.endpoint_url))
        rows.append(("AWS_S3_REGION_NAME", needs.region or ""))
    if store.location:
        rows.append(("STORAGE_LOCATION", store.location))
    if store.public:
        rows.append(("STORAGE_MAKE_FILES_PUBLIC", "true"))
    if store.public_endpoint_url:
        rows.append(("AWS_S3_PUBLIC_ENDPOINT_URL", store.public_endpoint_url))
    if store.public or needs.signed_by_cloudfront or store.signs_for_domain:
        rows.append((DOMAIN, str(needs.base or "")))
    if store.signs_for_domain and store.mode == "s3":
        rows.append(("AWS_S3_SIGN_FOR_DOMAIN", "true"))
    if needs.is_limited:
        rows.append(("STORAGE_DOMAIN_IS_LIMITED", "true"))
    if needs.signed_by_cloudfront:
        rows.append((SIGNER, ""))
    return [*rows, *((name, "") for name in KEY_PAIR)]


def _check(needs: Needs) -> list[str]:
    prefix = f" --prefix {needs.prefix}" if needs.prefix else ""
    lines = [
        "## How to check it",
        "",
        f"With these variables set, `holdall env{prefix}` checks them without contacting anything.",
    ]
    if not needs.read_only:
        sites = "".join(f" --origin {origin}" for origin in needs.origins)
        wanted = " --with-uploads" * needs.with_uploads + sites
        parts = "bucket, key and CDN" if needs.store.public or needs.base else "bucket and key"
        lines.append(
            f"With them in a file, `holdall doctor --env-file store.env{prefix}{sites}` proves that {parts} work, "
            "says what to change if they do not, and leaves the bucket as it was."
        )
        lines.append(
            f"With a key that may read the bucket's settings, `holdall provision --diff{prefix}{wanted}` compares them with "
            "this page."
        )
    if needs.on_amazon:
        lines.append("On an instance with a role, leave out the two key variables.")
    return lines
