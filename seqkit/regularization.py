"""Dropout that knows what it drops."""

import torch
from torch import Tensor, nn

__all__ = ["LockedDropout", "replace_words"]


class LockedDropout(nn.Module):
    """Dropout with one mask for all time steps of a row (Gal and Ghahramani 2016, section 4).

    Args:
        probability: share of the features dropped, in training only.

    >>> dropout = LockedDropout(0.5)
    >>> dropped = dropout(torch.ones(2, 3, 8))
    >>> bool((dropped[:, 0] == dropped[:, 2]).all())
    True
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values_BTD: Tensor) -> Tensor:
        """Drop features of (B, T, D), the same at every step, and scale up the rest."""
        if not self.training or self.probability == 0.0:
            return values_BTD
        return values_BTD * nn.functional.dropout(torch.ones_like(values_BTD[:, :1]), self.probability)


def replace_words(words_BT: Tensor, singletons_V: Tensor, unknown: int, *, singleton: float, anyone: float) -> Tensor:
    """Turn some known words into the unknown one, which teaches the model what to do without them.

    Args:
        words_BT: word ids.
        singletons_V: for each word of the vocabulary whether it was seen once in training.
        unknown: the id of the unknown word.
        singleton: probability for a word seen once (Lample et al. 2016, section 4.3).
        anyone: probability for any other word.

    >>> words = torch.tensor([[2, 3]])
    >>> replace_words(words, torch.tensor([False, False, True, False]), 1, singleton=1.0, anyone=0.0).tolist()
    [[1, 3]]
    """
    chance_BT = torch.where(singletons_V[words_BT], singleton, anyone)
    return words_BT.masked_fill(torch.rand_like(chance_BT) < chance_BT, unknown)
