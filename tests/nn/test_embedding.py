"""Embedding tables: equal to PyTorch's, and all tables of all models say whether their gradient may be sparse."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from seqkit.config.language_model import LanguageModelConfig
from seqkit.models.language_model import NextTokenModel
from seqkit.nn.embedding import Embedding
from tests.tiny import task_of
from tests.tiny_labels import label_task_of


def test_the_table_starts_as_pytorch_draws_it() -> None:
    tables = []
    for kind in (Embedding, nn.Embedding):
        torch.manual_seed(1)
        tables.append(kind(7, 3, padding_idx=0).state_dict()["weight"])
    assert torch.equal(*tables)


def sparse_tables(model: nn.Module) -> dict[str, bool]:
    return {name: module.sparse_gradient for name, module in model.named_modules() if isinstance(module, Embedding)}


@pytest.mark.parametrize("tied", [True, False])
def test_a_table_that_also_scores_tokens_is_never_sparse(tied: bool) -> None:
    config = LanguageModelConfig(embedding_size=4, hidden_size=4, tied=tied)
    assert sparse_tables(NextTokenModel(config, 10)) == {"embedding": not tied}


@pytest.mark.parametrize(
    ("model", "dense"),
    [
        (lambda: task_of(characters="cnn").model, {"features.spelling.characters"}),  # the whole table is convolved
        (lambda: task_of(characters="lstm").model, set()),
        (lambda: label_task_of(characters="none", ngrams=2).model, {"ngrams.table"}),  # a dense optimizer learns better
        (lambda: label_task_of(ngrams=0, unit="bpe").model, set()),
    ],
)
def test_tables_are_sparse_unless_stated_otherwise(model: Callable[[], nn.Module], dense: set[str]) -> None:
    found = sparse_tables(model())
    assert {name for name, sparse in found.items() if not sparse} == dense
    assert {name for name, module in model().named_modules() if isinstance(module, nn.Embedding)} == found.keys()
    assert len(found) > len(dense)
