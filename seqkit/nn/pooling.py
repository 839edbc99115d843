"""Pooling: one vector from the states of all steps of a text, whatever its padding.

Shapes: B batch, T time, H state width, P width of the pooled vector.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Pooled", "Pooling"]


class Pooled(NamedTuple):
    """Vectors of texts, and the attention weight of each step, if that pooling is used."""

    vectors_BP: Tensor
    attention_BT: Tensor | None


class Pooling(nn.Module):
    """One or several kinds of pooling, concatenated.

    ``last`` is the last true state of each direction. ``mean`` and ``max`` are the mean and the maximum of each feature
    over true steps. ``attention`` is a mean weighted by a learned score of each state (Yang et al. 2016, section 2.2,
    with one linear layer).

    Args:
        kinds: names of ``seqkit.config.classification.POOLINGS``, joined with ``+``.
        input_size: state width H.

    >>> pooling = Pooling("last+mean", 8)
    >>> mask = torch.tensor([[True, True, False]])
    >>> pooling(torch.ones(1, 3, 8), torch.zeros(1, 8), mask).vectors_BP.sum().item(), pooling.output_size
    (8.0, 16)
    """

    def __init__(self, kinds: str, input_size: int) -> None:
        super().__init__()
        self.kinds = kinds.split("+")
        self.output_size = input_size * len(self.kinds)
        self.attention = nn.Linear(input_size, 1, bias=False) if "attention" in self.kinds else None

    def forward(self, states_BTH: Tensor, final_BH: Tensor, mask_BT: Tensor) -> Pooled:
        """Pool states under a mask of true steps, of which each text must have at least one."""
        mask_BT1 = mask_BT[..., None]
        parts, attention_BT = [], None
        for kind in self.kinds:
            if kind == "last":
                parts.append(final_BH)
            elif kind == "mean":
                parts.append((states_BTH * mask_BT1).sum(1) / mask_BT1.sum(1))
            elif kind == "max":
                parts.append(states_BTH.masked_fill(~mask_BT1, -torch.inf).amax(1))
            else:
                assert self.attention is not None
                scores_BT = self.attention(states_BTH)[..., 0].masked_fill(~mask_BT, -torch.inf)
                attention_BT = scores_BT.softmax(1)
                parts.append((attention_BT[..., None] * states_BTH).sum(1))
        return Pooled(torch.cat(parts, dim=1), attention_BT)
