"""Dropout that knows what it drops."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["Dropout", "LockedDropout", "drop_in_prediction", "drop_weights", "replace_words"]


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014): each value on its own becomes 0, and the rest are scaled up.

    PyTorch's own draws a 32-bit number for every value on a CPU, one after the other: 7 % of a tagger's training step.
    Here 64 random bits serve four values, so a probability is rounded to a multiple of 1/65536.

    Args:
        probability: share of the values dropped, in training only.

    >>> dropped = Dropout(0.5)(torch.ones(1000))
    >>> sorted(set(dropped.tolist()))
    [0.0, 2.0]
    """

    always = False  # see drop_in_prediction

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values: Tensor) -> Tensor:
        """Drop values of a tensor of any shape, and scale up the rest."""
        if not (self.training or self.always) or self.probability == 0.0:
            return values
        if values.device.type != "cpu":
            return nn.functional.dropout(values, self.probability)
        dropped = round(self.probability * 65536)
        if dropped == 65536:
            return values * 0.0
        bits = torch.empty((values.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[: values.numel()].view(values.shape) >= dropped - 32768
        return values * kept.to(values.dtype).mul_(65536 / (65536 - dropped))


class LockedDropout(nn.Module):
    """Dropout with one mask for all time steps of a row (Gal and Ghahramani 2016, section 4).

    Args:
        probability: share of the features dropped, in training only.

    >>> dropout = LockedDropout(0.5)
    >>> dropped = dropout(torch.ones(2, 3, 8))
    >>> bool((dropped[:, 0] == dropped[:, 2]).all())
    True
    """

    always = False  # see drop_in_prediction

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, values_BTD: Tensor) -> Tensor:
        """Drop features of (B, T, D), the same at every step, and scale up the rest."""
        if not (self.training or self.always) or self.probability == 0.0:
            return values_BTD
        return values_BTD * nn.functional.dropout(torch.ones_like(values_BTD[:, :1]), self.probability)


def drop_in_prediction(model: nn.Module) -> nn.Module:
    """A copy of a model, with the same weights, whose dropout stays on: for Monte Carlo dropout.

    Each pass through it is a draw from an approximate posterior over models (Gal and Ghahramani 2016, section 3). The
    weights are shared, not copied; the model itself stays as it is. What is dropped for a whole batch alike, recurrent
    weights and the embeddings of a language model, stays: copies in one batch would not differ by it.

    >>> model = nn.Sequential(nn.Linear(2, 64), Dropout(0.5)).eval()
    >>> bool((model(torch.ones(1, 2)) == 0).any()), bool((drop_in_prediction(model)(torch.ones(1, 2)) == 0).any())
    (False, True)
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    copied = copy.deepcopy(model, shared)
    for module in copied.modules():
        if hasattr(module, "always"):
            setattr(module, "always", True)  # noqa: B010  # a module's attributes are typed as its parts
    return copied


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


def drop_weights(stack: nn.RNNBase, probability: float) -> list[Tensor]:
    """A stack's weights with some of the recurrent ones dropped, the same at every step (Merity et al. 2018).

    Args:
        stack: an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``; it is left as it is.
        probability: share of the entries of each ``weight_hh`` that become 0; the rest are scaled up.

    Returns:
        All weights in the order of the kernels; the stack's own where nothing is dropped. On a GPU they lie in one
        piece, as cuDNN wants them, which a dropped weight of its own would not.

    >>> stack = nn.LSTM(3, 5)
    >>> weights = drop_weights(stack, 0.5)
    >>> weights[0] is stack.weight_ih_l0, int((weights[1] == 0).sum()) > 0
    (False, True)
    """
    weights = [weight for weight in stack._flat_weights if weight is not None]
    if probability == 0.0:
        return weights
    names = stack._flat_weights_names
    masks = [
        nn.functional.dropout(torch.ones_like(weight), probability) if name.startswith("weight_hh") else None
        for name, weight in zip(names, weights, strict=True)
    ]
    dropped = _DroppedWeights.apply(stack, masks, *weights)  # type: ignore[no-untyped-call]
    return list(dropped)


class _DroppedWeights(torch.autograd.Function):
    """Weights times masks, copied into one piece of memory where cuDNN will read them."""

    @staticmethod
    def forward(ctx: Any, stack: nn.RNNBase, masks: list[Tensor | None], *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.masks = masks
        dropped = [w.clone() if m is None else w * m for w, m in zip(weights, masks, strict=True)]
        if dropped[0].is_cuda and torch.backends.cudnn.is_acceptable(dropped[0]):
            per_layer = 4 if stack.bias else 2
            torch._cudnn_rnn_flatten_weight(
                dropped,
                per_layer,
                stack.input_size,
                torch.backends.cudnn.rnn.get_cudnn_mode(stack.mode),
                stack.hidden_size,
                stack.proj_size,
                stack.num_layers,
                stack.batch_first,
                stack.bidirectional,
            )
        return tuple(dropped)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        masked = (g if m is None else g * m for g, m in zip(gradients, ctx.masks, strict=True))
        return (None, None, *masked)
