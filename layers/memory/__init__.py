"""Networks with an external or an associative memory, cut along their papers' parts.

`addressing` and `access` are the parts of `DNC` and `NTM`: functions from tensors to tensors.
"""

from . import access, addressing
from .dnc import DNC, DNCCell
from .hopfield import Hopfield, HopfieldNetwork
from .ntm import NTM, NTMCell

__all__ = ["DNC", "NTM", "DNCCell", "Hopfield", "HopfieldNetwork", "NTMCell", "access", "addressing"]
