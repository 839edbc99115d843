"""A linear-chain conditional random field, usable alone: ``from seqkit.crf import CRF``."""

from seqkit.crf.layer import CRF

__all__ = ["CRF"]
