"""Commands that add rules to those that a bucket has: a setting is written whole, and rules of others are in it. Pure.

They read what is there, replace the rules with the same IDs, and write the whole. What cannot be read is not written: a
refused or broken answer ends the script, because the rules of others would be lost.
"""

from __future__ import annotations

from typing import Any

from holdall.provision import shell

# For the AWS CLI. `Rules` and `CORSRules` are lists of objects with an ID each.
_FUNCTION = r"""rules_with() {
    ours=$1; shift
    if ! there=$(aws s3api "$@" --output json 2>&1); then
        case $there in
            *"(NoSuchLifecycleConfiguration)"* | *"(NoSuchCORSConfiguration)"*) there='[]' ;;
            *) printf '%s\n' "$there" >&2; return 1 ;;
        esac
    fi
    python3 -c '
import json, sys
there, ours = json.loads(sys.argv[1] or "[]") or [], json.loads(sys.argv[2])
replaced = {rule["ID"] for rule in ours}
print(json.dumps([rule for rule in there if rule.get("ID") not in replaced] + ours))
' "$there" "$ours"
}"""

# For s3cmd, which has the documents of the API as they are.
_SCRIPT = r"""python3 -c '
import sys
from xml.etree import ElementTree
there, path = sys.argv[1:]
if "<" in there:
    ours, theirs = ElementTree.parse(path), ElementTree.fromstring(there[there.index("<"):])
    for one in theirs.iter():
        one.tag = one.tag.rpartition("}")[2]
    replaced = {rule.findtext("ID") for rule in ours.getroot()}
    ours.getroot().extend(rule for rule in theirs.findall("Rule") if rule.findtext("ID") not in replaced)
    ours.write(path)
' "$there" holdall-lifecycle.xml"""


def function() -> list[str]:
    """Give the function that `command` needs, once in a script."""
    return shell.section("Rules that the bucket already has stay; those with our IDs are replaced.", _FUNCTION)


def command(setting: str, member: str, rules: list[Any], **place: str | None) -> list[str]:
    """Give the commands of the AWS CLI that add rules to a setting: to `Rules` of "lifecycle", or `CORSRules` of "cors"."""
    name = "bucket-cors" if setting == "cors" else "bucket-lifecycle-configuration"
    get = shell.command(f"rules_with {shell.argument(rules)} get-{name}", **place, query=member)
    value = f'{{"{member}": {shell.variable("rules")}}}'
    put = shell.command(f"aws s3api put-{name}", **place, **{f"{setting}_configuration": value})
    return [shell.into("rules", get), put]


def lifecycle_by_s3cmd(bucket: str, rules: list[Any]) -> list[str]:
    """Give the commands of s3cmd that add rules to the lifecycle; `space` is s3cmd at the bucket's host."""
    return [
        shell.file("holdall-lifecycle.xml", shell.xml("LifecycleConfiguration", {"Rule": rules})),
        "# Rules that the Space already has stay; those with our IDs are replaced.",
        f"if there=$(space getlifecycle s3://{bucket} 2>&1); then",
        _SCRIPT,
        "else",
        "    case $there in *NoSuchLifecycleConfiguration*) ;; *) printf '%s\\n' \"$there\" >&2; exit 1 ;; esac",
        "fi",
        f"space setlifecycle holdall-lifecycle.xml s3://{bucket}",
    ]
