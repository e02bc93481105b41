"""Private files by permission: views that ask the project who gets a file, and links that it may embed."""

from holdall.serving.embedding import media_url
from holdall.serving.folders import serve_folder
from holdall.serving.permalinks import PermalinkStorage
from holdall.serving.views import serve, serve_files
from holdall.serving.ways import Served, accelerate, redirect, stream

__all__ = [
    "PermalinkStorage",
    "Served",
    "accelerate",
    "media_url",
    "redirect",
    "serve",
    "serve_files",
    "serve_folder",
    "stream",
]
