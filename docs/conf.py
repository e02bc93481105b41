"""Sphinx's configuration. Nothing is fetched while the documentation is built."""

import os
import re
from typing import Any

import django
from django.conf import settings
from pygments.lexers.shell import BashSessionLexer

import holdall

# The pages describe every environment, not the one in which they are built.
os.environ.pop("STORAGES_MODE", None)
settings.configure(USE_TZ=True, SECRET_KEY="documentation")
django.setup()

project = "Holdall"
author = "The Holdall maintainers"
copyright = "2026, the Holdall maintainers"
version = release = holdall.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = False
# In docstrings, `this` is code.
default_role = "code"

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# `environ=os.environ` is to be printed as that, and not as what is in it.
autodoc_preserve_defaults = True
add_module_names = False
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Requests", "returns_style")]

html_theme = "furo"
html_title = f"Holdall {release}"
html_static_path = ["_static"]
html_css_files = ["holdall.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


class Console(BashSessionLexer):
    """A session whose commands follow `$` alone: what is printed may begin with `#`, and hold an apostrophe."""

    _ps1rgx = re.compile(r"^(\$ )(.*\n?)")


def setup(app: Any) -> None:
    app.add_lexer("console", Console)
