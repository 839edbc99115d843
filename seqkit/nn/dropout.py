"""Dropout: of single values, of features for a whole row, and of words.

Shapes: B batch, T time, D width, V vocabulary.
"""

import copy

import torch
from torch import Tensor, nn

__all__ = ["Dropout", "LockedDropout", "StochasticModule", "drop_in_prediction", "replace_words"]


class StochasticModule(nn.Module):
    """Base class of modules that draw random numbers in training, and in prediction if asked to.

    Attributes:
        active: whether the module is random outside training, too: see :func:`drop_in_prediction`.
    """

    active: bool = False

    @property
    def stochastic(self) -> bool:
        """Whether the module draws random numbers now."""
        return self.training or self.active


class Dropout(StochasticModule):
    """Dropout (Srivastava et al. 2014): each value is independently zeroed, and the others are scaled up.

    On a CPU, ``nn.Dropout`` draws a 32-bit number for each value in sequence, which takes 7 % of a tagger's training
    step. Here 64 random bits serve four values, so the probability is rounded to a multiple of 1/65536.

    Args:
        probability: share of the values dropped, in training only.

    >>> dropped = Dropout(0.5)(torch.ones(1000))
    >>> sorted(set(dropped.tolist()))
    [0.0, 2.0]
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Drop values of a tensor of any shape, and scale up the others."""
        if not self.stochastic or self.probability == 0.0:
            return values
        if values.device.type != "cpu":
            return nn.functional.dropout(values, self.probability)
        dropped = round(self.probability * 65536)
        if dropped == 65536:
            return values * 0.0
        bits = torch.empty((values.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[: values.numel()].view(values.shape) >= dropped - 32768
        return values * kept.to(values.dtype).mul_(65536 / (65536 - dropped))


class LockedDropout(StochasticModule):
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
        """Drop the same features (B, T, D) at every step, and scale up the others."""
        if not self.stochastic or self.probability == 0.0:
            return values_BTD
        return values_BTD * nn.functional.dropout(torch.ones_like(values_BTD[:, :1]), self.probability)


def drop_in_prediction(model: nn.Module) -> nn.Module:
    """Return a copy of a model, with the same weights, whose dropout stays on: for Monte Carlo dropout.

    Each pass through it is a draw from an approximate posterior over models (Gal and Ghahramani 2016, section 3). The
    weights are shared, not copied, and the model itself is not changed. Dropout that is the same for a whole batch, of
    recurrent weights and of a language model's embeddings, stays off: copies in one batch would not differ by it.

    >>> model = nn.Sequential(nn.Linear(2, 64), Dropout(0.5)).eval()
    >>> bool((model(torch.ones(1, 2)) == 0).any()), bool((drop_in_prediction(model)(torch.ones(1, 2)) == 0).any())
    (False, True)
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    copied = copy.deepcopy(model, shared)
    for module in copied.modules():
        if isinstance(module, StochasticModule):
            module.active = True
    return copied


def replace_words(words_BT: Tensor, singletons_V: Tensor, unknown: int, *, singleton: float, other: float) -> Tensor:
    """Replace some known words by the unknown word, so that a model learns to do without them.

    Args:
        words_BT: word ids.
        singletons_V: for each word of the vocabulary, whether it occurs once in the training data.
        unknown: the id of the unknown word.
        singleton: the probability for a word that occurs once (Lample et al. 2016, section 4.3).
        other: the probability for any other word.

    >>> words = torch.tensor([[2, 3]])
    >>> replace_words(words, torch.tensor([False, False, True, False]), 1, singleton=1.0, other=0.0).tolist()
    [[1, 3]]
    """
    chance_BT = torch.where(singletons_V[words_BT], singleton, other)
    return words_BT.masked_fill(torch.rand_like(chance_BT) < chance_BT, unknown)
