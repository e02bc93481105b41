"""The layers in which the doctor asks, and which of their probes are chosen."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType
from typing import NamedTuple

from holdall.doctor import (
    addresses,
    backend,
    caching,
    cdn,
    connection,
    cors,
    editors,
    files,
    housekeeping,
    intent,
    leftovers,
    links,
    options,
    ownership,
    processes,
    project,
    reading,
    saving,
    site,
    uploads,
    urlconf,
    values,
    writing,
)
from holdall.doctor.probe import Probe


class Layer(NamedTuple):
    """Probes that belong together, asked one after the other."""

    module: ModuleType
    # Sends no request, so it is part of `--offline` and of Django's checks.
    offline: bool = False
    # After an error here, the probes that need a working storage are pointless.
    gate: bool = False
    needs_storage: bool = True

    @property
    def timed(self) -> bool:
        """Whether each probe runs in a thread of its own and is given up after its time.

        A probe that sends nothing needs no limit, and storages and databases keep connections for each thread.
        """
        return not self.offline and self.module is not files

    @property
    def name(self) -> str:
        return self.module.__name__.rpartition(".")[2]

    @property
    def probes(self) -> tuple[Probe, ...]:
        found: tuple[Probe, ...] = self.module.PROBES
        return found


LAYERS = (
    Layer(backend, offline=True, gate=True, needs_storage=False),
    Layer(values, offline=True, gate=True, needs_storage=False),
    Layer(project, offline=True, needs_storage=False),
    Layer(leftovers, offline=True, needs_storage=False),
    Layer(urlconf, offline=True, needs_storage=False),
    Layer(options, offline=True, gate=True, needs_storage=False),
    Layer(addresses, offline=True),
    Layer(site, offline=True),
    Layer(editors, offline=True),
    Layer(connection, gate=True),
    Layer(ownership, gate=True),
    Layer(saving, gate=True),
    Layer(writing),
    Layer(reading),
    Layer(intent),
    Layer(links),
    Layer(cdn),
    Layer(caching),
    Layer(cors),
    Layer(uploads),
    Layer(processes),
    Layer(files),
    Layer(housekeeping),
)


def names() -> dict[str, list[str]]:
    """Return what can be chosen by name: the layers, and the probes of each."""
    return {layer.name: [probe.name for probe in layer.probes] for layer in LAYERS}


class Choice(NamedTuple):
    """Which probes are run. `only` and `skip` name layers or probes."""

    # Whether only those are run that send no request.
    offline: bool = False
    only: Collection[str] = ()
    skip: Collection[str] = ()

    def probes(self) -> set[tuple[str, str]]:
        """Return the chosen probes as (layer, probe): live ones bring along the gates that they depend on."""
        chosen: set[tuple[str, str]] = set()
        live = False
        for layer in reversed(LAYERS):
            if self.offline and not layer.offline:
                continue
            for probe in reversed(layer.probes):
                named = {layer.name, probe.name}
                required = live and layer.gate and not layer.offline
                if (not self.only or named & set(self.only) or required) and not named & set(self.skip):
                    chosen.add((layer.name, probe.name))
                    live = live or not layer.offline
        return chosen


ALL = Choice()
