"""The doctor: prove that a store works, or find out why it does not.

It asks in layers, the cheap and certain first, and stops where going on makes no sense: without a bucket there is no
point in checking its CDN. Each layer is a module of probes, small functions that yield findings. What findings say is
in `catalogue`, with a module for each layer.
"""

from holdall.doctor.catalogue import kinds
from holdall.doctor.layers import Choice, names
from holdall.doctor.rounds import RUN_SECONDS, examine

__all__ = ["RUN_SECONDS", "Choice", "examine", "kinds", "names"]
