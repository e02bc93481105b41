"""Every exception is also what callers already expect."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest
from django.core import exceptions as django_exceptions

import holdall
from holdall import errors
from holdall.errors import ContractError, ContractWarning, HoldallError

LINE = re.compile(r"^ {4}(?:│   )?[├└]── (\w+)(?: +(\w+))?", re.MULTILINE)
TREE = dict(LINE.findall(errors.__doc__ or ""))
CLASSES = {
    name: found
    for name, found in vars(errors).items()
    if inspect.isclass(found) and issubclass(found, Exception) and found.__module__ == errors.__name__
}


def test_tree_in_the_documentation_is_complete() -> None:
    assert {*TREE, "HoldallError", "ContractWarning"} == set(CLASSES)


@pytest.mark.parametrize("name", TREE)
def test_error_is_what_the_tree_says(name: str) -> None:
    expected = "PermissionError" if name == "CredentialsRefused" else TREE[name].split()[0]
    kind = getattr(django_exceptions, expected, None) or getattr(__import__("builtins"), expected)
    assert issubclass(CLASSES[name], kind)
    assert issubclass(CLASSES[name], HoldallError)


def test_refused_credentials_are_a_refused_access() -> None:
    assert issubclass(errors.CredentialsRefused, errors.AccessRefused)
    assert errors.CredentialsRefused.__bases__ == (errors.AccessRefused,)


def test_missing_bucket_is_no_missing_file() -> None:
    assert not issubclass(errors.BucketNotFound, FileNotFoundError)


@pytest.mark.parametrize("name", CLASSES)
def test_class_says_when_it_is_raised(name: str) -> None:
    said = inspect.getdoc(CLASSES[name]) or ""
    assert "__doc__" in vars(CLASSES[name])
    assert said.split("\n")[0].endswith(".")


@pytest.mark.parametrize("name", CLASSES)
def test_class_is_exported(name: str) -> None:
    assert getattr(holdall, name) is CLASSES[name]
    assert name in holdall.__all__


@pytest.mark.parametrize("name", sorted(set(TREE) - {"ContractError"}))
def test_error_survives_another_process_with_its_sentence(name: str) -> None:
    error = CLASSES[name]("Saving failed.")
    error.code, error.retries = "SlowDown", 3
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is CLASSES[name]
    assert (str(again), again.code, again.retries) == ("Saving failed.", "SlowDown", 3)


def test_error_of_the_contract_survives_another_process() -> None:
    again = pickle.loads(pickle.dumps(ContractError(["`A` is missing.", "`B` is wrong."])))
    assert again.problems == ("`A` is missing.", "`B` is wrong.")
    assert str(again) == str(ContractError(["`A` is missing.", "`B` is wrong."]))


def test_warning_is_for_users() -> None:
    assert issubclass(ContractWarning, UserWarning)
    assert not issubclass(ContractWarning, HoldallError)


def test_error_has_no_code_where_the_store_gave_none() -> None:
    assert (HoldallError("x").code, HoldallError("x").retries) == ("", 0)
