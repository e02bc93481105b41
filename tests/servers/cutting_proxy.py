"""A proxy in front of a plain HTTP server that breaks uploads off in the middle, and remembers what was asked."""

from __future__ import annotations

from tests.servers.fault_proxy import Exchange, Fault, FaultProxy, Gone, Request, passes


class CuttingProxy(FaultProxy):
    """Forward requests until the bodies of all `PUT`s together have had `budget_bytes`; then cut or stall them.

    Requests without a body, and those of other methods, pass: so clean-up by the client works, as it does when a
    network fails only under load.
    """

    def __init__(self, upstream_url: str, *, budget_bytes: int | None = None, stalls: bool = False) -> None:
        super().__init__(upstream_url)
        self._budget_bytes = budget_bytes
        self._stalls = stalls
        self.body_bytes = 0
        """How much of the bodies of `PUT`s went through."""
        self.cuts = 0
        """How often an upload was broken off."""

    def __enter__(self) -> CuttingProxy:
        super().__enter__()
        return self

    def fault_for(self, request: Request) -> Fault:
        length = len(request.body) if request.method == "PUT" else 0
        if self._budget_bytes is None or self.body_bytes + length <= self._budget_bytes:
            self.body_bytes += length
            return passes
        self.cuts += 1
        rest_bytes = self._budget_bytes - self.body_bytes

        def breaks_off(exchange: Exchange) -> None:
            exchange.forward_begin(rest_bytes)
            if self._stalls:
                exchange.wait_for_client_to_give_up()
            raise Gone

        return breaks_off
