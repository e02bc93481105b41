"""What a disk says when it cannot keep or give a file, and what to do. Pure."""

from __future__ import annotations

import errno

_REMEDIES = {
    errno.ENOSPC: "Make room there, and run again",
    errno.EDQUOT: "Raise the quota or make room, and run again",
    errno.EACCES: "Grant the right to it, and run again",
    errno.EPERM: "Grant the right to it, and run again",
    errno.EROFS: "Mount it for writing, or copy to another disk",
    errno.ENAMETOOLONG: "Rename it in the source, or copy to another disk",
    errno.EFBIG: "This disk, or a limit of this process, does not allow a file of this length; copy to another disk",
    errno.EILSEQ: "This disk cannot have such a name; rename it in the source, or copy to another disk",
    errno.EINVAL: "This disk cannot have such a name; rename it in the source, or copy to another disk",
    errno.ENOENT: "It was moved or deleted meanwhile; run again",
    errno.EMFILE: "Raise the limit of open files (ulimit -n), or give fewer --workers",
    errno.EIO: "Check the disk",
}


def explained(failure: OSError) -> str:
    """Say what went wrong with a file, and what to do."""
    what = failure.strerror or str(failure)
    remedy = _REMEDIES.get(failure.errno or 0, "Look at it, and run again")
    return f"{what}. {remedy}"
