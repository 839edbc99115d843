"""Texts as features of words: word id, characters, shape and affixes.

The features of two tokens::

    Uma     spelling 17 → word 1 (seen once: <unk>), shape Title, characters U m a, affixes Um- Uma- -ma …
    visited spelling 18 → word 42, shape lower, characters v i s i t e d, affixes vi- vis- -ed …

A word is looked up once: a text holds the index of each spelling, and tables hold the features of each spelling.

Shapes: S distinct spellings, L characters, A affixes of a word, B batch, T time, U distinct spellings of
a batch, N tokens of all texts, D width of the vector of a spelling.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Self

import torch
from torch import Tensor

from seqkit.batches.batch import Ragged, integers
from seqkit.text.long_words import shortened
from seqkit.text.pretrained_vectors import read_vectors
from seqkit.text.vocabulary import AFFIX_LENGTHS, PADDING_ID, Vocabulary, affixes, encodable, normalize_word, word_shape
from seqkit.text.words import WordTokenizer

__all__ = ["WordExamples", "WordReader", "read_word_vectors"]

MOST_SPELLINGS = 2**17  # largest number of precomputed vectors: 80 MB


@dataclass(frozen=True, kw_only=True)
class WordExamples:
    """Texts as features of words.

    Attributes:
        tokens: the texts, split into words.
        ragged: the spelling of each token, as a row of the tables below.
        words_S, shapes_S, affixes_SA: word id, shape id and affix ids of each distinct spelling; row 0 is padding.
        characters_SL, characters_S: the character ids of each distinct spelling, and their number.
        spelling_vectors_SD: the vector of each distinct spelling, if precomputed for all batches.
    """

    tokens: Sequence[Sequence[str]]
    ragged: Ragged
    words_S: Tensor
    shapes_S: Tensor
    affixes_SA: Tensor
    characters_SL: Tensor
    characters_S: Tensor
    spelling_vectors_SD: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ragged)

    @cached_property
    def lengths(self) -> list[int]:
        """Number of tokens of each text."""
        lengths: list[int] = self.ragged.lengths.tolist()
        return lengths

    def spellings(self, chosen: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        """Return shapes, affixes and characters of some spellings, padded to the longest of them."""
        lengths_U = self.characters_S[chosen]
        return {
            "shapes_U": self.shapes_S[chosen],
            "affixes_UA": self.affixes_SA[chosen],
            "characters_UL": self.characters_SL[chosen][:, : int(lengths_U.max())],
            "characters_U": lengths_U,
        }

    def precompute(self, vectors: Callable[[Mapping[str, Tensor]], Tensor], device: torch.device) -> Self:
        """Return the texts with the vectors of all their spellings, which are valid until the weights change.

        The vectors of very many spellings would need too much memory; each batch then computes its own.

        Args:
            vectors: the part of the model that computes vectors from the result of :meth:`spellings`.
            device: device of the model.
        """
        if len(self.words_S) > MOST_SPELLINGS:
            return self
        return replace(
            self, spelling_vectors_SD=vectors({name: tensor.to(device) for name, tensor in self.spellings().items()})
        )

    def tensors(self, rows: Sequence[int]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the inputs of the model for some texts, a row for each in the order given, and the shared inputs."""
        rows_BT = self.ragged.pad(rows)["spellings"]
        words_BT = self.words_S[rows_BT]
        if self.spelling_vectors_SD is not None:
            return {"words_BT": words_BT, "spellings_BT": rows_BT}, {"spelling_vectors_UD": self.spelling_vectors_SD}
        spellings_U, rows_BT = torch.unique(rows_BT, return_inverse=True)
        return {"words_BT": words_BT, "spellings_BT": rows_BT}, self.spellings(spellings_U)


class WordReader:
    """The tokenizer of raw text, and the vocabularies of words, characters and affixes.

    Args:
        tokenizer: splits raw text like the training corpus; its ``words`` are the word vocabulary.
        characters: character vocabulary.
        affixes: affix vocabulary.
        singletons: for each word, whether it occurs exactly once in the training data.

    >>> reader = WordReader.fitted([["Ada", "ran"], ["Ada", "sat"]])
    >>> examples = reader.read([["Ada", "sat"], ["Bo"]])
    >>> examples.lengths, reader.tokenizer.words.ids(["Ada", "Bo"])
    ([2, 1], [2, 1])
    """

    def __init__(
        self,
        tokenizer: WordTokenizer,
        *,
        characters: Vocabulary,
        affixes: Vocabulary,
        singletons: Sequence[bool] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.characters = characters
        self.affixes = affixes
        self.singletons = singletons or [False] * len(tokenizer.words)

    @classmethod
    def fitted(
        cls,
        tokens: Sequence[Sequence[str]],
        minimum_count: int = 1,
        *,
        tokenizer: WordTokenizer | None = None,
        known: Collection[str] = (),
    ) -> Self:
        """Build the vocabularies of training texts.

        Args:
            tokens: the texts, split into words.
            minimum_count: minimum number of occurrences for a word to enter the vocabulary.
            tokenizer: the tokenizer that split them; None selects the one that splits raw text most like them.
            known: normalized words that enter the vocabulary at any frequency: those with a pretrained vector.
        """
        spellings = Counter(word for text in tokens for word in text)
        tokenizer = tokenizer or WordTokenizer.fitted_to(tokens)
        tokenizer.words = Vocabulary.build(spellings, minimum_count, extra=known, normalize=normalize_word)
        counts: Counter[str] = Counter()
        for word, count in spellings.items():
            counts[normalize_word(word)] += count
        return cls(
            tokenizer,
            # Counted over distinct spellings: a feature is useful if many different words share it.
            characters=Vocabulary.build(Counter(character for word in spellings for character in encodable(word)), 2),
            affixes=Vocabulary.build(Counter(affix for word in spellings for affix in affixes(encodable(word))), 3),
            singletons=[counts[entry] == 1 and entry not in known for entry in tokenizer.words.entries],
        )

    def read(self, tokens: Sequence[Sequence[str]]) -> WordExamples:
        """Return texts as features of words."""
        spellings = {word: row for row, word in enumerate(dict.fromkeys(chain.from_iterable(tokens)), start=1)}
        places = integers(list(map(spellings.__getitem__, chain.from_iterable(tokens))))
        characters_SL, characters_S = self._characters(spellings)
        ends = self.affixes.ids(chain.from_iterable(affixes(encodable(word)) for word in spellings))
        return WordExamples(
            tokens=tokens,
            ragged=Ragged(columns={"spellings": places}, lengths=integers(list(map(len, tokens)))),
            words_S=integers([PADDING_ID, *self.tokenizer.words.ids(spellings)]),
            shapes_S=integers([PADDING_ID, *map(word_shape, spellings)]),
            affixes_SA=integers([PADDING_ID] * len(AFFIX_LENGTHS) + ends).view(-1, len(AFFIX_LENGTHS)),
            characters_SL=characters_SL,
            characters_S=characters_S,
        )

    def pieces(self, text: str) -> list[str]:
        """Return the words of a text."""
        return [token.text for token in self.tokenizer.tokenize(text)]

    def _characters(self, spellings: Collection[str]) -> tuple[Tensor, Tensor]:
        """Return the padded character ids of spellings, and their lengths; row 0 is padding of length 1."""
        read = [shortened(encodable(word)) for word in spellings]
        filled_S = integers([1, *map(len, read)])
        characters_S = filled_S.clamp(min=1)  # a word without characters is read as padding of length 1
        inside_SL = torch.arange(int(characters_S.max())) < filled_S[:, None]
        characters_SL = torch.full(inside_SL.shape, PADDING_ID)
        characters_SL[inside_SL] = integers([PADDING_ID, *self.characters.ids("".join(read))])
        return characters_SL, characters_S

    def assets(self) -> dict[str, str]:
        """Return the files of the reader, without the singletons, which are stored with the weights."""
        return {
            "tokenizer.json": self.tokenizer.to_json(),
            "characters.json": json.dumps(self.characters.entries, ensure_ascii=False),
            "affixes.json": json.dumps(self.affixes.entries, ensure_ascii=False),
        }

    @classmethod
    def restored(cls, read: Callable[[str], str]) -> Self:
        """Restore a reader; ``read`` returns the content of a file by name."""
        return cls(
            WordTokenizer.from_json(read("tokenizer.json")),
            characters=Vocabulary(json.loads(read("characters.json"))),
            affixes=Vocabulary(json.loads(read("affixes.json"))),
        )


def read_word_vectors(path: str, most_frequent: int, tokens: Sequence[Sequence[str]]) -> dict[str, Tensor]:
    """Read the pretrained vectors of the words of texts, and of the first words of the file, by normalized word.

    Args:
        path: a file in one of the formats of :func:`seqkit.text.pretrained_vectors.read_vectors`.
        most_frequent: number of words to keep from the start of the file.
        tokens: the texts.
    """
    spellings = {word for text in tokens for word in text}
    keys = {normalize_word(word) for word in spellings}
    table = read_vectors(path, keys | spellings, most_frequent=most_frequent)
    vectors: dict[str, Tensor] = {}
    for word, vector in zip(table.words, torch.from_numpy(table.vectors), strict=True):
        key = normalize_word(word)
        if key == word or key not in vectors:  # "The" provides the vector of "the" only if the file has no "the"
            vectors[key] = vector
    return vectors
