"""What is private stays where it was made: no other package touches it, however convenient that would be."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import holdall

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(holdall.__file__).parent
# What begins with an underscore in the classes of others, and is for everybody, or as good as that.
OTHERS = {
    "argparse": {"_actions", "_SubParsersAction"},
    "botocore": {
        "_cert_file",
        "_get_credentials",
        "_get_pool_manager_kwargs",
        "_get_proxy_manager",
        "_key_file",
        "_lookup_cache",
        "_timeout",
        "_verify",
    },
    "celery": {"_get_current_object"},
    "django": {"_base_manager", "_constructor_args", "_meta", "_setup", "_storages", "_wrapped"},
    # Projects override it, so a storage of theirs is asked by it.
    "django-storages": {"_compress_content", "_normalize_name"},
    "django-health-check": {"_lock"},
    "namedtuple": {"_asdict", "_replace"},
    "os": {"_exit"},
    "sys": {"_getframe"},
    "urllib3": {"_dns_host", "_get_conn", "_put_conn"},
}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _touched(tree: ast.Module) -> Iterator[ast.Attribute]:
    """Give the private attributes of anything but `self`, `cls` and `super()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            of = node.value.func if isinstance(node.value, ast.Call) else node.value
            if not (isinstance(of, ast.Name) and of.id in {"self", "cls", "super"}):
                yield node


def _made(tree: ast.Module) -> Iterator[str]:
    """Give what a module and its classes define: functions, and what is assigned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def test_no_package_touches_what_is_private_in_another() -> None:
    modules = {path.relative_to(SOURCE): ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}
    makers: defaultdict[str, set[str]] = defaultdict(set)
    for place, tree in modules.items():
        for name in filter(_is_private, _made(tree)):
            makers[name].add(place.parts[0])
    public = set().union(*OTHERS.values())

    def is_at_home(package: str, name: str) -> bool:
        # Where a storage's name is a name elsewhere too, it is most likely the storage that is asked. A fork is a storage.
        is_a_storages = "storage" in makers[name] and package not in {"storage", "fork"}
        return package in makers[name] and not is_a_storages

    found = [
        f"{place.as_posix()}:{node.lineno} {ast.unparse(node)}"
        for place, tree in modules.items()
        for node in _touched(tree)
        if not (node.attr in public or is_at_home(place.parts[0], node.attr))
    ]
    # What other packages may use of a storage is in `holdall.storage.objects`.
    assert not found, "\n".join(found)
