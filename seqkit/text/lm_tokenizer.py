"""Raw text as the tokens of a language model, and back: characters, words, or byte pairs.

A text, and its pieces in each unit (a space is shown as ␣, a line end as ⏎)::

    It's not 7.⏎        char            I t ' s ␣ n o t ␣ 7 . ⏎
                        word            It's ␣not ␣7 . ⏎
                        bpe             It 's ␣not ␣7 . ⏎         as the byte pairs that were learned join them
    ␣It␣'s␣not␣7␣.␣⏎    pretokenized    It 's not 7 . <eos>       words separated in advance, as in WikiText

Only unknown characters and words are lost: the pieces of the tokens, joined, are the text again; for pretokenized text,
with WikiText's spaces, one before every word and line end. Id 0 is ``<eos>`` in every unit; id 1 is ``<unk>`` for
characters and words, while bytes are never unknown.

A text may come in pieces of any size and be larger than memory; see :mod:`seqkit.text.text_chunks`.

Shapes: N tokens.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer, WordLevelTrainer

from seqkit.errors import CheckpointError, ConfigError, CorpusError, SeqkitError, setting_ref
from seqkit.text.lm_rules import END, END_ID, UNITS, UNKNOWN_ID, Unit, assemble, pieces_of, unit_of
from seqkit.text.panics import panics_as_errors
from seqkit.text.text_chunks import batches_of_chunks, chunks_of
from seqkit.text.vocabulary import UNKNOWN, encodable

__all__ = ["TextTokenizer"]

BPE_SIZE = 4096


class TextTokenizer:
    """Cuts text into the tokens of a vocabulary, and joins tokens into text.

    Args:
        tokenizer: rules and vocabulary as the tokenizers library keeps them; :meth:`fitted` makes them.

    Attributes:
        unit: ``char``, ``word`` or ``bpe``.
        pretokenized: whether words are separated by white space, and every line end is ``<eos>``.
        end_id: the id of ``<eos>``.
        unknown_id: the id of ``<unk>``; None for byte pairs.
        pieces: for each id the UTF-8 bytes that it adds to a text.

    The strings ``<eos>`` and ``<unk>`` in a text are text like any other, except as words of pretokenized text.

    Raises:
        CheckpointError: the tokenizer was not made by seqkit.

    >>> tokenizer = TextTokenizer.fitted("word", [["It's not 7.\\n"]])
    >>> tokenizer.pieces
    [b'', b' <unk>', b'\\n', b' 7', b' not', b'.', b"It's"]
    >>> tokenizer.encode("It's 8."), tokenizer.decode([6, 3, 5])
    (array([6, 1, 5]), "It's 7.")
    """

    end_id = END_ID

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        saved = json.loads(tokenizer.to_str())
        self.unit, self.pretokenized = unit_of(saved)
        self.unknown_id = None if self.unit == "bpe" else UNKNOWN_ID
        self._ids: dict[str, int] = saved["model"]["vocab"]
        tokens = sorted(self._ids, key=self._ids.__getitem__)
        reserved = [END] if self.unit == "bpe" else [END, UNKNOWN]
        if tokens[: len(reserved)] != reserved or [self._ids[token] for token in tokens] != list(range(len(tokens))):
            raise CheckpointError(f"its vocabulary does not begin with {' and '.join(reserved)}")
        self.pieces = pieces_of(tokens, self.unit, self.pretokenized)
        self._id_of_code = _id_of_code(self._ids) if self.unit == "char" else None

    @classmethod
    def fitted(
        cls,
        unit: Unit,
        documents: Iterable[Iterable[str]],
        *,
        pretokenized: bool = False,
        minimum_count: int = 1,
        vocabulary_size: int | None = None,
    ) -> Self:
        """Make a vocabulary of the tokens of training texts; memory grows only with the number of different words.

        Args:
            unit: ``char`` (Unicode code points), ``word``, or ``bpe`` (byte pairs; Sennrich et al. 2016,
                https://arxiv.org/abs/1508.07909).
            documents: the texts of the train split and nothing else, each in pieces; they are read once.
            pretokenized: whether words are separated by white space, and every line end is ``<eos>``.
            minimum_count: how often a character or word must occur to get an entry; for byte pairs, how often a pair
                must occur to be merged, at least 2.
            vocabulary_size: the greatest number of tokens, including ``<eos>`` and ``<unk>``; the most frequent ones
                are kept, equally frequent ones in the order of their code points. By default unlimited, and 4096 for
                byte pairs.

        Raises:
            ConfigError: a setting cannot be used.
            CorpusError: the texts are empty, or cannot be read.

        >>> TextTokenizer.fitted("char", [["ban", "ana"]]).pieces[2:]
        [b'a', b'n', b'b']
        """
        _check(unit, pretokenized, minimum_count, vocabulary_size)
        chunks = chain.from_iterable(map(chunks_of, documents))
        first = next(chunks, None)
        if first is None:
            raise CorpusError("the train split is empty: there is nothing to make a vocabulary of")
        chunks = chain([first], chunks)
        if unit == "char":
            model = _most_frequent(_count_characters(chunks), minimum_count, vocabulary_size)
        elif pretokenized:
            words = chain.from_iterable(map(_split, chunks))
            model = _most_frequent(Counter(words), minimum_count, vocabulary_size)
        else:
            model = _learned(unit, chunks, minimum_count, vocabulary_size)
        return cls(assemble(model, unit, pretokenized))

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids (N,) of a text.

        >>> TextTokenizer.fitted("char", [["aab"]]).encode("abc")
        array([2, 3, 1])
        """
        return np.concatenate([np.zeros(0, np.int64), *self.encode_pieces([encodable(text)])])

    def encode_pieces(self, pieces: Iterable[str]) -> Iterator[NDArray[np.int64]]:
        """Encode one text that comes in pieces, part by part; the ids do not depend on the pieces.

        >>> tokenizer = TextTokenizer.fitted("word", [["one two"]])
        >>> np.concatenate(list(tokenizer.encode_pieces(["o", "ne t", "wo"])))
        array([3, 2])
        """
        return self.encode_documents([pieces], ended=False)

    def encode_documents(self, documents: Iterable[Iterable[str]], *, ended: bool) -> Iterator[NDArray[np.int64]]:
        """Encode many texts one after another, part by part.

        Args:
            documents: the texts, each in pieces.
            ended: whether ``<eos>`` follows each text.

        >>> documents = [["aab"], ["b", "a"]]
        >>> np.concatenate(list(TextTokenizer.fitted("char", documents).encode_documents(documents, ended=True)))
        array([2, 2, 3, 0, 3, 2, 0])
        """
        for chunks, ends in batches_of_chunks(documents):
            ids, lengths = self._encode_chunks(chunks)
            yield np.insert(ids, np.cumsum([0, *lengths])[ends], END_ID) if ended else ids

    def _encode_chunks(self, chunks: list[str]) -> tuple[NDArray[np.int64], list[int]]:
        """Return the ids of all chunks together, and how many each chunk has."""
        if self._id_of_code is not None:
            codes = np.minimum(_codes("".join(chunks)), len(self._id_of_code) - 1)
            return self._id_of_code[codes], list(map(len, chunks))
        if self.pretokenized:
            ids_of = [[self._ids.get(word, UNKNOWN_ID) for word in _split(chunk)] for chunk in chunks]
        else:
            with _cutting():
                ids_of = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(chunks)]
        lengths = list(map(len, ids_of))
        return np.fromiter(chain.from_iterable(ids_of), np.int64, sum(lengths)), lengths

    def decode(self, ids: Iterable[int]) -> str:
        """Join the pieces of ids into a text; bytes that are not valid UTF-8 become U+FFFD.

        >>> TextTokenizer.fitted("bpe", [["aa"]]).decode([0, 65, 66])
        'ab'
        """
        return b"".join(self.pieces[index] for index in ids).decode(errors="replace")

    def unknown(self, text: str) -> list[str]:
        """Return the characters or words of a text that are not in the vocabulary, each once, in order.

        >>> TextTokenizer.fitted("word", [["one two"]]).unknown("one three four three")
        ['three', 'four']
        """
        if self.unit == "bpe":
            return []
        text = encodable(text)
        if self.unit == "char":
            tokens = list(text)
        elif self.pretokenized:
            tokens = _split(text)
        else:
            with _cutting():
                pieces = self._tokenizer.pre_tokenizer.pre_tokenize_str
                tokens = [piece for chunk in chunks_of([text]) for piece, _ in pieces(chunk)]
        return list(dict.fromkeys(token.strip(" ") or token for token in tokens if token not in self._ids))

    def to_json(self) -> str:
        """Return the text of ``tokenizer.json``; loaded by the tokenizers library, it gives the same ids.

        >>> saved = TextTokenizer.fitted("char", [["aab"]]).to_json()
        >>> Tokenizer.from_str(saved).encode("abc").ids
        [2, 3, 1]
        """
        return self._tokenizer.to_str(pretty=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        Raises:
            CheckpointError: the text is not a tokenizer that seqkit wrote.

        >>> TextTokenizer.from_json(TextTokenizer.fitted("char", [["aab"]]).to_json()).unit
        'char'
        """
        try:
            with panics_as_errors():
                return cls(Tokenizer.from_str(text))
        except Exception as error:  # the library raises bare Exception
            raise CheckpointError(f"tokenizer.json cannot be read ({error}); restore it or train again") from error


def _check(unit: Unit, pretokenized: bool, minimum_count: int, vocabulary_size: int | None) -> None:
    if unit not in UNITS:
        raise ConfigError(f"unknown unit {unit!r}; choose from {', '.join(UNITS)}")
    if pretokenized and unit != "word":
        raise ConfigError(f"pretokenized text consists of words, so its unit is word, not {unit}")
    if minimum_count < 1:
        raise ConfigError(f"{setting_ref('minimum_count')} must be at least 1, not {minimum_count}")
    least = 257 if unit == "bpe" else 3  # <eos> and every byte; or <eos>, <unk> and one more
    if vocabulary_size is not None and vocabulary_size < least:
        size = setting_ref("vocabulary_size")
        raise ConfigError(f"{size} must be at least {least} for {unit}, not {vocabulary_size}")


def _learned(unit: Unit, chunks: Iterable[str], minimum_count: int, size: int | None) -> WordLevel | BPE:
    """Let the library find byte pairs or words."""
    trainer: BpeTrainer | WordLevelTrainer
    if unit == "bpe":
        tokenizer = assemble(BPE(), unit, False)
        size, count, letters = size or BPE_SIZE, max(2, minimum_count), ByteLevel.alphabet()
        trainer = BpeTrainer(vocab_size=size, min_frequency=count, special_tokens=[END], initial_alphabet=letters)
    else:
        tokenizer = assemble(WordLevel({}, unk_token=UNKNOWN), unit, False)
        reserved, size = [END, UNKNOWN], size or 2**31
        trainer = WordLevelTrainer(vocab_size=size, min_frequency=minimum_count, special_tokens=reserved)
    trainer.show_progress = False
    with _cutting():
        tokenizer.train_from_iterator(chunks, trainer)
    model: WordLevel | BPE = tokenizer.model
    return model


@contextmanager
def _cutting() -> Iterator[None]:
    """Refuse a text on which the library gives up."""
    try:
        with panics_as_errors():
            yield
    except SeqkitError:  # of the reader of the texts
        raise
    except ValueError as error:
        raise CorpusError(f"a text cannot be cut into tokens ({error}); leave it out") from None


def _most_frequent(counts: Mapping[str, int], minimum_count: int, size: int | None) -> WordLevel | BPE:
    frequent = (token for token, count in counts.items() if count >= minimum_count and token not in (END, UNKNOWN))
    ordered = sorted(frequent, key=lambda token: (-counts[token], token))
    kept = ordered if size is None else ordered[: size - 2]
    return WordLevel({token: index for index, token in enumerate([END, UNKNOWN, *kept])}, unk_token=UNKNOWN)


def _count_characters(chunks: Iterable[str]) -> dict[str, int]:
    counts = np.zeros(0x110000, np.int64)
    for chunk in chunks:
        present = np.bincount(_codes(chunk))
        counts[: len(present)] += present
    return {chr(code): int(counts[code]) for code in np.flatnonzero(counts)}


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))


def _id_of_code(ids: Mapping[str, int]) -> NDArray[np.int64]:
    """Return the id of each code point; the last entry is the id of all higher ones."""
    codes = {ord(token): index for token, index in ids.items() if index > UNKNOWN_ID}
    table = np.full(max(codes, default=0) + 2, UNKNOWN_ID)
    table[list(codes)] = list(codes.values())
    return table


def _split(text: str) -> list[str]:
    return text.replace("\n", f" {END} ").split()
