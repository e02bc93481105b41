"""SeaweedFS as Holdall embeds it, over HTTP and HTTPS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdall import devserver
from tests.providers import Keys, Provider, wait_until_enforced
from tests.servers.authority import Authority

RIGHTS = {"readonly": ["Read", "List"], "no_list": ["Read", "Write"], "no_rights": []}


@contextmanager
def start(folder: Path, authority: Authority) -> Iterator[dict[str, Provider]]:
    """Run SeaweedFS until the block ends; give its providers, `seaweedfs-http` and `seaweedfs-https`."""
    identities = {name: devserver.Identity(name, actions) for name, actions in RIGHTS.items()}
    server = devserver.use(
        folder,
        identities=list(identities.values()),
        certificate=devserver.Certificate(authority.certificate_file, authority.key_file),
    )
    try:
        keys = {name: Keys(found.access_key, found.secret_key) for name, found in identities.items()}
        keys["keys"] = Keys(server.access_key, server.secret_key)
        plain = Provider(
            name="seaweedfs-http",
            mode="s3",
            endpoint_url=server.endpoint_url,
            hides_missing=False,
            **keys,
        )
        assert server.tls_endpoint_url is not None
        encrypted = Provider(
            name="seaweedfs-https",
            mode="s3",
            endpoint_url=server.tls_endpoint_url,
            ca_file=authority.ca_file,
            hides_missing=False,
            **keys,
        )
        wait_until_enforced(plain)
        yield {provider.name: provider for provider in (plain, encrypted)}
    finally:
        # Its keeper ends it when nobody uses it any more, also when we are killed.
        devserver.leave(folder)
