"""The initial weights of recurrent cells."""

import torch
from torch import nn

__all__ = ["initialize_recurrent"]


@torch.no_grad()
def initialize_recurrent(stack: nn.RNNBase, gates: int) -> None:
    """Initialise a recurrent stack in place: orthogonal recurrent weights, Xavier input weights, zero biases.

    Args:
        stack: an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``.
        gates: how many gates are stacked in each weight (4 for an LSTM, 3 for a GRU, 1 for a plain RNN). Each gate is
            initialised as a matrix of its own: in an orthogonal 4H×H matrix no single gate would be orthogonal.

    >>> stack = nn.LSTM(3, 5)
    >>> initialize_recurrent(stack, gates=4)
    >>> gate = stack.weight_hh_l0[:5]
    >>> torch.allclose(gate @ gate.T, torch.eye(5), atol=1e-5)
    True
    """
    for name, parameter in stack.named_parameters():
        if name.startswith("weight_hh"):
            for gate in parameter.chunk(gates):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            for gate in parameter.chunk(gates):
                nn.init.xavier_uniform_(gate)
        else:
            nn.init.zeros_(parameter)
