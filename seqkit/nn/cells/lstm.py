"""Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000)."""

import torch
from torch import nn

from seqkit.nn.cells.initialization import initialize_recurrent

__all__ = ["lstm"]


def lstm(input_size: int, hidden_size: int, *, num_layers: int = 1, bidirectional: bool = False) -> nn.LSTM:
    """An ``nn.LSTM`` with orthogonal recurrent weights, Xavier input weights and forget bias 1.

    Args:
        input_size: width D of the input vectors.
        hidden_size: hidden units H per direction.
        num_layers: stacked layers.
        bidirectional: whether a second stack reads from right to left.

    >>> lstm(3, 5).bias_hh_l0[5:10].tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    stack = nn.LSTM(input_size, hidden_size, num_layers=num_layers, bidirectional=bidirectional, batch_first=True)
    initialize_recurrent(stack, gates=4)
    with torch.no_grad():
        for name, parameter in stack.named_parameters():
            if name.startswith("bias_hh"):  # PyTorch adds two biases; one of them carries the 1
                parameter[hidden_size : 2 * hidden_size].fill_(1.0)
    return stack
