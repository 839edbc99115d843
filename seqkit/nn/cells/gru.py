"""Gated recurrent unit (Cho et al. 2014)."""

from torch import nn

from seqkit.nn.cells.initialization import initialize_recurrent

__all__ = ["gru"]


def gru(input_size: int, hidden_size: int, *, num_layers: int = 1, bidirectional: bool = False) -> nn.GRU:
    """An ``nn.GRU`` with orthogonal recurrent weights and Xavier input weights.

    Args:
        input_size: width D of the input vectors.
        hidden_size: hidden units H per direction.
        num_layers: stacked layers.
        bidirectional: whether a second stack reads from right to left.

    >>> gru(3, 5, num_layers=2).num_layers
    2
    """
    stack = nn.GRU(input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional, batch_first=True)
    initialize_recurrent(stack, gates=3)
    return stack
