"""A copied environment: it reads its parent's files, writes only its own, and cannot harm the parent."""

from holdall.fork.storage import ForkedStorage

__all__ = ["ForkedStorage"]
