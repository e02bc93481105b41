"""The page for those who come from django-storages, followed as it is written by somebody who reads literally.

The project has what tutorials teach: public files by their ACL, private ones by a class of its own in a model, and a
pattern that serves MEDIA_ROOT. Ceph enforces ACLs, so a wrong turn ends with a file that is open, closed or not found.
"""

import json
import re
from pathlib import Path

import pytest

from tests.contract import only
from tests.docs.pages import DOCS, blocks
from tests.docs.reader import Reader
from tests.providers import Provider

PAGE = DOCS / "how-to" / "from-django-storages.md"

SETTINGS = """
INSTALLED_APPS += ["papers"]
MEDIA_URL = "/media/"
MEDIA_ROOT = BASE_DIR / "media"
AWS_STORAGE_BUCKET_NAME = "{public}"
AWS_LOCATION = "media"
AWS_S3_ENDPOINT_URL = "{endpoint}"
AWS_S3_REGION_NAME = "{region}"
AWS_S3_ADDRESSING_STYLE = "path"
AWS_ACCESS_KEY_ID = "{access_key}"
AWS_SECRET_ACCESS_KEY = "{secret_key}"
AWS_DEFAULT_ACL = "public-read"
AWS_QUERYSTRING_AUTH = False
AWS_S3_OBJECT_PARAMETERS = {{"CacheControl": "max-age=86400"}}
STORAGES = {{
    "default": {{"BACKEND": "storages.backends.s3boto3.S3Boto3Storage"}},
    "staticfiles": {{"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}},
}}
"""
STORAGE = """
from storages.backends.s3boto3 import S3Boto3Storage


class PrivateMedia(S3Boto3Storage):
    bucket_name = "{private}"
    location = "private"
    default_acl = "private"
    file_overwrite = False
    custom_domain = False
    querystring_auth = True
"""
MODELS = """
from django.db import models
from mysite.storage import PrivateMedia


class Paper(models.Model):
    cover = models.FileField(upload_to="covers")
    scan = models.FileField(upload_to="scans", storage=PrivateMedia())
"""
URLS = """
from django.conf import settings
from django.conf.urls.static import static

urlpatterns += static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)
"""
UPLOAD = """
import json
from django.core.files.base import ContentFile
from papers.models import Paper

paper = Paper()
paper.cover.save("cover.txt", ContentFile(b"cover {text}"))
paper.scan.save("scan.txt", ContentFile(b"scan {text}"))
"""
LOOK = """
import json, urllib.error, urllib.request
from papers.models import Paper

def visit(url):
    try:
        return urllib.request.urlopen(url).read().decode()
    except urllib.error.HTTPError as error:
        return error.code

print(json.dumps([
    {"cover": paper.cover.open().read().decode(), "cover link": visit(paper.cover.url), "signed": "?" in paper.cover.url,
     "scan": paper.scan.open().read().decode(), "scan link": visit(paper.scan.url),
     "scan without its signature": visit(paper.scan.url.partition("?")[0]),
     "names": [paper.cover.name, paper.scan.name]}
    for paper in Paper.objects.order_by("pk")
]))
"""


class Newcomer(Reader):
    """Somebody who reads the page, and what the commands print, and does just that."""

    @property
    def settings(self) -> Path:
        return self.folder / "mysite" / "settings.py"

    def shell(self, script: str) -> str:
        (self.folder / "script.py").write_text(script)
        return self.run("python manage.py shell --no-imports < script.py")

    def change_settings(self, printed: str) -> None:
        """Put the printed line in place of STORAGES, and remove what is to be removed."""
        line = re.search(r"^In settings\.py.*?\n((?:    .*\n|\n)+)", printed, re.MULTILINE)[1]
        removed = re.search(r"^Settings to remove\n((?:    .*\n)+)", printed, re.MULTILINE)[1]
        names = [*re.findall(r"[A-Z0-9_]+", removed), "MEDIA_URL", "MEDIA_ROOT"]
        text = self.settings.read_text()
        text = re.sub(r"^STORAGES = \{.*?^\}\n", "", text, flags=re.MULTILINE | re.DOTALL)
        text = re.sub(rf"^(?:{'|'.join(names)}) = .*\n", "", text, flags=re.MULTILINE)
        self.settings.write_text(text + "\n".join(one.removeprefix("    ") for one in line.splitlines()) + "\n")
        urls = self.folder / "mysite" / "urls.py"
        urls.write_text(urls.read_text().replace(URLS, ""))

    def change_the_field(self, function: str) -> None:
        models = self.folder / "papers" / "models.py"
        text = models.read_text().replace("storage=PrivateMedia()", "storage=private_media_storage")
        models.write_text(text.replace("\n\nclass Paper", f"\n{function}\n\nclass Paper"))


@pytest.fixture
def newcomer(tmp_path: Path, provider: Provider) -> Newcomer:
    """Somebody with a project on plain django-storages, with a file of each kind."""
    there = {"public": provider.create_bucket(), "private": provider.create_bucket(), "endpoint": provider.endpoint_url}
    there |= {"region": provider.region, "access_key": provider.keys.access_key, "secret_key": provider.keys.secret_key}
    reader = Newcomer(tmp_path)
    reader.run("django-admin startproject mysite . && python manage.py startapp papers")
    for name, text in (("settings.py", SETTINGS), ("storage.py", STORAGE), ("urls.py", URLS)):
        with (tmp_path / "mysite" / name).open("a") as file:
            file.write(text if name == "urls.py" else text.format(**there))
    (tmp_path / "papers" / "models.py").write_text(MODELS)
    reader.run("python manage.py makemigrations papers && python manage.py migrate")
    reader.shell(UPLOAD.format(text="from before"))
    return reader


def follow(newcomer: Newcomer) -> dict[str, str]:
    """Do what the page says; give what the commands printed."""
    printed: dict[str, str] = {}
    told = ""
    for block in blocks(PAGE):
        if block.comment.startswith("append: "):
            with newcomer.settings.open("a") as file:
                file.write(block.text)
        elif block.comment == "step":
            command = block.text.splitlines()[0].removeprefix("$ ")
            printed[command] = newcomer.do(block)
            told = told or printed[command]
        elif block.comment == "field":
            newcomer.change_the_field(block.text)
        elif "STORAGES = holdall.from_env()" in block.text:
            newcomer.change_settings(told)
    return printed


@only("ceph-http")
def test_page_leads_to_a_project_that_works(newcomer: Newcomer, provider: Provider) -> None:
    printed = follow(newcomer)
    newcomer.shell(UPLOAD.format(text="from after"))
    before, after = json.loads(newcomer.shell(LOOK))

    for paper, text in ((before, "from before"), (after, "from after")):
        assert (paper["cover"], paper["cover link"]) == (f"cover {text}", f"cover {text}")
        assert (paper["scan"], paper["scan link"]) == (f"scan {text}", f"scan {text}")
        assert paper["scan without its signature"] == 403
        assert not paper["signed"]
    assert before["names"] == ["covers/cover.txt", "scans/scan.txt"]
    # Never replaced, as the list says.
    assert after["names"][0] != before["names"][0]
    assert "ManifestStaticFilesStorage" in newcomer.settings.read_text()
    secret = provider.keys.secret_key
    assert not any(secret in text for text in printed.values())
    assert secret not in newcomer.settings.read_text()
    assert "0 silenced" in printed["python manage.py check --tag storage"]

    # Who forgets the pattern in the URLconf is stopped.
    with (newcomer.folder / "mysite" / "urls.py").open("a") as file:
        file.write(URLS)
    told = newcomer.run("python manage.py check --tag storage 2>&1 || true")
    assert "holdall.D064" in told
    assert "db.sqlite3" in told
