"""A certificate authority that lives as long as a session, for servers on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Authority:
    """Who signed the certificate (`ca_file`), and the certificate with its key for `localhost` and `127.0.0.1`."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


def create(folder: Path) -> Authority:
    authority = Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca = trustme.CA()
    issued = ca.issue_cert("localhost", "*.localhost", "127.0.0.1")
    ca.cert_pem.write_to_path(authority.ca_file)
    issued.private_key_pem.write_to_path(authority.key_file)
    for position, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(authority.certificate_file, append=position > 0)
    return authority
