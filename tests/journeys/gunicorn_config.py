"""How gunicorn runs where nothing at all can be written: see docs/how-to/read-only.md."""

import os

from gunicorn.workers import base, workertmp


class InMemory(workertmp.WorkerTmp):
    """The heartbeat of a worker, in a file that is on no file system."""

    def __init__(self, cfg):
        self._tmp = os.fdopen(os.memfd_create("heartbeat"), "w+b", 0)


base.WorkerTmp = InMemory
control_socket_disable = True
