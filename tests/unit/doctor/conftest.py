"""Projects that are set up in one way each."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakeApp = Callable[..., str]


@pytest.fixture
def make_app(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> MakeApp:
    """Write an app of a project, with these models and other files, install it, and give its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(models: str = "", **files: str) -> str:
        name = f"shop_{uuid.uuid4().hex[:8]}"
        texts = {"__init__": "", "models": f"from django.db import models\n\n{models}", **files}
        for module, text in texts.items():
            path = tmp_path / name / f"{module.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, name]
        return name

    return make
