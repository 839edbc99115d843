"""Texts as words, as models of words read them: word, spelling, shape and affixes.

Two tokens of a text, and what becomes of them::

    Uma     spelling 17 → word 1 (seen once: <unk>), shape Title, characters U m a, affixes Um- Uma- -ma …
    visited spelling 18 → word 42, shape lower, characters v i s i t e d, affixes vi- vis- -ed …

A word is looked up once: a text holds the index of each spelling, and what is known of spellings stands in tables.

Shapes: S distinct spellings, L characters, A affixes of a word, B batch, T time, U distinct spellings of
a batch, N tokens of all texts, C width of a language model's states, D width of what a model makes of a spelling.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Self

import torch
from torch import Tensor

from seqkit.batches.batch import Ragged, integers
from seqkit.models.contextual_embeddings import ContextualStates
from seqkit.text.long_words import shortened
from seqkit.text.pretrained_vectors import read_vectors
from seqkit.text.vocabulary import AFFIX_LENGTHS, PADDING_ID, Vocabulary, affixes, encodable, normalize_word, word_shape
from seqkit.text.words import WordTokenizer

__all__ = ["WordExamples", "WordReader", "read_word_vectors"]

MOST_SPELLINGS = 2**17  # whose vectors are held at once: 80 MB


@dataclass(frozen=True, kw_only=True)
class WordExamples:
    """Texts as a model of words reads them.

    Attributes:
        tokens: the texts, cut into words.
        ragged: the spelling of each token.
        words_S, shapes_S, affixes_SA: word id, shape id and affix ids of each distinct spelling; row 0 is padding.
        characters_SL, characters_S: its character ids and how many they are.
        contextual_NC: what a language model makes of each token, where there is one.
        spelt_SD: what the model makes of each spelling, where that was computed for all batches together.
    """

    tokens: Sequence[Sequence[str]]
    ragged: Ragged
    words_S: Tensor
    shapes_S: Tensor
    affixes_SA: Tensor
    characters_SL: Tensor
    characters_S: Tensor
    contextual_NC: Tensor | None = None
    spelt_SD: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ragged)

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each text."""
        lengths: list[int] = self.ragged.lengths.tolist()
        return lengths

    def spellings(self, chosen: Tensor | slice = slice(None)) -> dict[str, Tensor]:
        """Shapes, affixes and characters of some spellings, no wider than the longest of them."""
        lengths_U = self.characters_S[chosen]
        return {
            "shapes_U": self.shapes_S[chosen],
            "affixes_UA": self.affixes_SA[chosen],
            "characters_UL": self.characters_SL[chosen][:, : int(lengths_U.max())],
            "characters_U": lengths_U,
        }

    @property
    def can_settle(self) -> bool:
        """Whether what a model makes of all spellings can be held at once."""
        return len(self.words_S) <= MOST_SPELLINGS

    def settled(self, spelt_SD: Tensor) -> Self:
        """The same, with what the model makes of each spelling."""
        return replace(self, spelt_SD=spelt_SD)

    def inputs(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """What the model reads of some texts, in the order given."""
        rows_BT = self.ragged.pad(rows)["spellings"]
        inputs = {"words_BT": self.words_S[rows_BT]}
        if self.spelt_SD is not None:
            inputs |= {"spellings_BT": rows_BT, "spelt_UD": self.spelt_SD}
        else:
            spellings_U, rows_BT = torch.unique(rows_BT, return_inverse=True)
            inputs |= {"spellings_BT": rows_BT, **self.spellings(spellings_U)}
        if self.contextual_NC is not None:
            inputs["contextual_BTC"] = self.contextual_NC[self.ragged.places(rows)[0]]
        return inputs


class WordReader:
    """The vocabularies of words, characters and affixes, and how raw text is cut into words.

    Args:
        tokenizer: cuts raw text as the training corpus was cut; its ``words`` are the word vocabulary.
        characters: character vocabulary.
        affixes: affix vocabulary.
        singletons: for each word whether training holds it once.

    >>> reader = WordReader.fitted([["Ada", "ran"], ["Ada", "sat"]])
    >>> examples = reader.read([["Ada", "sat"], ["Bo"]])
    >>> examples.lengths, reader.tokenizer.words.ids(["Ada", "Bo"])
    ([2, 1], [2, 1])
    """

    asset_names = ("tokenizer.json", "characters.json", "affixes.json")

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
        """Vocabularies of training texts.

        Args:
            tokens: the texts, cut into words.
            minimum_count: how often training must hold a word for it to be known.
            tokenizer: what cut them; None chooses the one that cuts raw text most like them.
            known: normalised words that are known however rare: those with a pretrained vector.
        """
        spellings = Counter(word for text in tokens for word in text)
        tokenizer = tokenizer or WordTokenizer.fitted_to(tokens)
        tokenizer.words = Vocabulary.build(spellings, minimum_count, extra=known, normalize=normalize_word)
        counts: Counter[str] = Counter()
        for word, count in spellings.items():
            counts[normalize_word(word)] += count
        return cls(
            tokenizer,
            # Counted over distinct spellings: what many different words share is worth knowing.
            characters=Vocabulary.build(Counter(character for word in spellings for character in encodable(word)), 2),
            affixes=Vocabulary.build(Counter(affix for word in spellings for affix in affixes(encodable(word))), 3),
            singletons=[counts[entry] == 1 and entry not in known for entry in tokenizer.words.entries],
        )

    def read(self, tokens: Sequence[Sequence[str]], contextual: ContextualStates | None = None) -> WordExamples:
        """Texts as a model reads them, and what a language model makes of their words."""
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
            contextual_NC=None if contextual is None else contextual.of(tokens),
        )

    def _characters(self, spellings: Collection[str]) -> tuple[Tensor, Tensor]:
        """Character ids of spellings, padded, and how many; before them a row for padding, one character long."""
        read = [shortened(encodable(word)) for word in spellings]
        filled_S = integers([1, *map(len, read)])
        characters_S = filled_S.clamp(min=1)  # a word of no character is read as padding, one character long
        inside_SL = torch.arange(int(characters_S.max())) < filled_S[:, None]
        characters_SL = torch.full(inside_SL.shape, PADDING_ID)
        characters_SL[inside_SL] = integers([PADDING_ID, *self.characters.ids("".join(read))])
        return characters_SL, characters_S

    def assets(self) -> dict[str, str]:
        """The files that make the reader, but for which words were seen once: the weights file has them."""
        return {
            "tokenizer.json": self.tokenizer.to_json(),
            "characters.json": json.dumps(self.characters.entries, ensure_ascii=False),
            "affixes.json": json.dumps(self.affixes.entries, ensure_ascii=False),
        }

    @classmethod
    def restored(cls, assets: Mapping[str, str]) -> Self:
        """The reader that ``assets`` describe."""
        return cls(
            WordTokenizer.from_json(assets["tokenizer.json"]),
            characters=Vocabulary(json.loads(assets["characters.json"])),
            affixes=Vocabulary(json.loads(assets["affixes.json"])),
        )


def read_word_vectors(path: str, most_frequent: int, tokens: Sequence[Sequence[str]]) -> dict[str, Tensor]:
    """Pretrained vectors by normalised word: of the words of texts, and of those at the top of the file.

    Args:
        path: the file, as ``seqkit.text.pretrained_vectors.read_vectors`` takes it.
        most_frequent: how many words to keep from its top.
        tokens: the texts.
    """
    spellings = {word for text in tokens for word in text}
    keys = {normalize_word(word) for word in spellings}
    table = read_vectors(path, keys | spellings, most_frequent=most_frequent)
    vectors: dict[str, Tensor] = {}
    for word, vector in zip(table.words, torch.from_numpy(table.vectors), strict=True):
        key = normalize_word(word)
        if key == word or key not in vectors:  # "The" lends its vector to "the" only where there is no "the"
            vectors[key] = vector
    return vectors
