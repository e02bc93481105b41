"""Which probes a choice runs: live ones bring along the gates that they depend on."""

from __future__ import annotations

from holdall.doctor.layers import ALL, LAYERS, Choice, names


def layers_of(choice: Choice) -> set[str]:
    return {layer for layer, _ in choice.probes()}


def test_everything_is_chosen_by_default() -> None:
    assert ALL.probes() == {(layer, probe) for layer, probes in names().items() for probe in probes}


def test_offline_choice_sends_nothing() -> None:
    assert layers_of(Choice(offline=True)) == {layer.name for layer in LAYERS if layer.offline}


def test_live_layer_brings_its_gates_along() -> None:
    assert layers_of(Choice(only=["links"])) == {"connection", "ownership", "saving", "links"}


def test_offline_layer_needs_no_gate() -> None:
    assert layers_of(Choice(only=["options"])) == {"options"}


def test_probe_is_chosen_alone() -> None:
    assert {probe for layer, probe in Choice(only=["cache"]).probes() if layer == "caching"} == {"cache"}


def test_skipped_probe_is_not_brought_along() -> None:
    chosen = Choice(only=["links"], skip=["ownership", "lifetime"]).probes()
    assert "ownership" not in {layer for layer, _ in chosen}
    assert ("links", "lifetime") not in chosen
    assert ("links", "sameness") in chosen
