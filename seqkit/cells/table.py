"""The table of recurrent cells: every name that ``cell=…`` takes, and the class behind it.

To add a cell, write one file beside this one with a subclass of ``seqkit.cells.cell.Cell``, and add one row here: a
name, and a function that imports the class and makes the cell. The configurations, the command line's ``--cell``, the
encoder and the decoder take their choices from this table.

The configurations import this table, and ``seqkit.nn`` imports the configurations. The cells are therefore a package
below both, not a part of ``seqkit.nn``. A row imports its cell only when called, so that ``seqkit --help`` reads the
names without loading torch.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from seqkit.errors import ConfigError

if TYPE_CHECKING:
    from seqkit.cells.cell import Cell

__all__ = ["CELLS", "make_cell"]


def _lstm() -> "Cell":
    from seqkit.cells.lstm import LSTM

    return LSTM()


def _gru() -> "Cell":
    from seqkit.cells.gru import GRU

    return GRU()


def _rnn() -> "Cell":
    from seqkit.cells.rnn import RNN

    return RNN("tanh")


def _rnn_relu() -> "Cell":
    from seqkit.cells.rnn import RNN

    return RNN("relu")


CELLS: dict[str, Callable[[], "Cell"]] = {"lstm": _lstm, "gru": _gru, "rnn": _rnn, "rnn-relu": _rnn_relu}


def make_cell(name: str) -> "Cell":
    """Return the cell with a given name.

    Raises:
        ConfigError: if the table has no such name; the message lists those it has.

    >>> make_cell("transformer")
    Traceback (most recent call last):
        ...
    seqkit.errors.ConfigError: cell must be one of lstm, gru, rnn, rnn-relu, not 'transformer'
    """
    if name not in CELLS:
        raise ConfigError(f"cell must be one of {', '.join(CELLS)}, not {name!r}")
    return CELLS[name]()
