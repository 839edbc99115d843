"""Recurrent cells: one a file, and the table that names them.

A cell is a function that builds a stack with the interface and the parameter names of ``torch.nn.LSTM``,
initialised the way recurrent networks train best: recurrent weights orthogonal (Saxe et al. 2014), input weights
Xavier-uniform (Glorot and Bengio 2010), both gate by gate, biases zero but for the LSTM's forget gate, which
starts open at 1 (Gers et al. 2000; Jozefowicz et al. 2015).
"""

from collections.abc import Callable

from torch.nn import RNNBase

from seqkit.nn.cells.gru import gru
from seqkit.nn.cells.lstm import lstm

__all__ = ["CELLS"]

CELLS: dict[str, Callable[..., RNNBase]] = {"lstm": lstm, "gru": gru}
