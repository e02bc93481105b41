"""Layer `editors`: editors that save links to pictures in texts, beside a storage whose links end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from holdall.doctor.catalogue import editors as kinds
from holdall.doctor.examination import Examination
from holdall.doctor.probe import probes
from holdall.findings import Finding
from holdall.serving import PermalinkStorage


class Editor(NamedTuple):
    """A package that lets people put pictures into texts."""

    title: str
    # The setting that says where it keeps pictures: a dotted path or an alias; with a dot, a key of a dictionary.
    setting: str = ""


# By the name of the app. What has no setting of its own uploads to a view of the project's.
EDITORS = {
    "django_ckeditor_5": Editor("django-ckeditor-5", "CKEDITOR_5_FILE_STORAGE"),
    "ckeditor_uploader": Editor("django-ckeditor", "CKEDITOR_STORAGE_BACKEND"),
    "django_summernote": Editor("django-summernote", "SUMMERNOTE_CONFIG.attachment_storage_class"),
    "wagtail.images": Editor("Wagtail", "WAGTAILIMAGES_RENDITION_STORAGE"),
    "tinymce": Editor("django-tinymce"),
    "froala_editor": Editor("django-froala-editor"),
    "django_prose_editor": Editor("django-prose-editor"),
    "djangocms_text": Editor("djangocms-text"),
    "djangocms_text_ckeditor": Editor("djangocms-text-ckeditor"),
    "trix_editor": Editor("django-trix-editor"),
    "django_quill": Editor("django-quill-editor"),
    "markdownx": Editor("django-markdownx"),
    "martor": Editor("martor"),
    "mdeditor": Editor("django-mdeditor"),
}


def probe_kept_links(examination: Examination) -> Iterator[Finding]:
    """Find editors that would save signed links of the default storage."""
    if not (examination.project and examination.is_s3 and examination.alias == "default"):
        return
    if not getattr(examination.storage, "querystring_auth", False):
        return
    for app, editor in EDITORS.items():
        if not apps.is_installed(app) or _keeps_links(editor):
            continue
        remedy = f'{editor.setting} = "{_wanted(editor)}"' if editor.setting and "." not in editor.setting else ""
        yield kinds.LINKS_END_IN_TEXTS.found(
            f"{editor.title} is installed, and links of the default storage end", do=remedy
        )


def _wanted(editor: Editor) -> str:
    return "pictures" if editor.title == "Wagtail" else "holdall.serving.PermalinkStorage"


def _keeps_links(editor: Editor) -> bool:
    """Say whether an editor has a storage of its own whose links never end."""
    if not editor.setting:
        # Which one the project's own view uses is not written anywhere.
        return any(_links_last(alias) for alias in settings.STORAGES if alias not in {"default", "staticfiles"})
    name, _, key = editor.setting.partition(".")
    value = getattr(settings, name, None)
    if key:
        value = value.get(key) if isinstance(value, dict) else None
    return _links_last(value)


def _links_last(value: Any) -> bool:
    """Say whether a setting means such a storage: an alias, a dotted path, a class or a storage itself.

    Its links are permalinks, or those of public files.
    """
    # What cannot be made or imported is an error of the project's, which others tell.
    with suppress(Exception):
        if isinstance(value, str):
            value = storages[value] if value in settings.STORAGES else import_string(value)
        if isinstance(value, type):
            # Editors make it without options.
            value = value()
        return isinstance(value, PermalinkStorage) or getattr(value, "querystring_auth", None) is False
    return False


PROBES = probes(probe_kept_links)
