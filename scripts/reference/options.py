"""The page of the storage's options: our own, those of django-storages, and what an environment becomes."""

import inspect
import pprint
import re
from collections.abc import Iterable, Mapping

import holdall
from holdall.storage import MediaStorage
from reference import prose
from reference.environments import S3, SPACES


def own_options() -> dict[str, str]:
    """Read the options that are ours from the docstring of the class: name -> what it does."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(MediaStorage.__doc__ or "").splitlines():
        if match := re.match(r"- `(\w+)`: (.*)", line):
            name, found[match[1]] = match[1], match[2]
        elif name and line.startswith("  "):
            found[name] += f" {line.strip()}"
        else:
            name = ""
    return found


def page() -> str:
    described = own_options()
    defaults = MediaStorage(bucket_name="acme-media").get_default_settings()
    lines = [
        "# Storage options",
        "",
        (
            "`holdall.from_env()` builds the options of `holdall.storage.MediaStorage` from the environment; "
            "`storages=` overrides them, key by key."
        ),
        (
            "Every option that the environment decides is set explicitly, even to `None`, so "
            "a forgotten `AWS_DEFAULT_ACL` in a project's settings cannot publish private files."
        ),
        "",
        "## Holdall's own options",
    ]
    for name, text in described.items():
        text = text[:1].upper() + text[1:]
        lines += ["", f"(option-{name.replace('_', '-')})=", f"### `{name}`", "", *prose.sentences(text)]
    lines += [
        "",
        "## Options of django-storages",
        "",
        "They work as django-storages documents them, as an option or as the `AWS_*` setting of the same name.",
        "Two defaults differ: `file_overwrite` is false, and `signature_version` is SigV4.",
        "The options in the examples below come from the environment; for those, the setting of the same name is not read.",
        "",
        f"They are {', '.join(f'`{name}`' for name in sorted(defaults) if name not in described)}.",
        "",
        "## What an environment becomes",
    ]
    for title, environ in (
        ("Private files on Amazon S3", S3),
        (
            "Public files on DigitalOcean Spaces",
            {**SPACES, "STORAGE_MAKE_FILES_PUBLIC": "true", "AWS_S3_CUSTOM_DOMAIN": "media.example.com"},
        ),
        ("Local mode", {"STORAGES_MODE": "local"}),
        ("While an image is built", {"BUILD_MODE": "true"}),
    ):
        chosen = holdall.from_env(environ, local_folder="/srv/project/.holdall")
        for entry in chosen.values():
            entry.get("OPTIONS", {}).update(
                {name: "(secret)" for name in ("access_key", "secret_key") if entry.get("OPTIONS", {}).get(name)}
            )
        lines += ["", f"### {title}", "", "```text", *(f"{name}={value}" for name, value in _shown(environ)), "```", ""]
        lines += ["```python", *pprint.pformat(chosen, width=prose.WIDTH, sort_dicts=False).splitlines(), "```"]
    return prose.joined(lines)


def _shown(environ: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((name, "(secret)" if name == "AWS_SECRET_ACCESS_KEY" else value) for name, value in environ.items())
