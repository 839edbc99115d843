"""Features of a word by itself: the word, its spelling, its affixes and its shape.

Shapes: B batch, T time, D output width, U distinct spellings of a batch, L characters, E embedding width, F filters,
C characters of the vocabulary, K characters of a window, P padded characters, W windows, A affixes of a word.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqkit.config.words import WordConfig
from seqkit.nn.dropout import replace_words
from seqkit.nn.embedding import Embedding
from seqkit.nn.recurrent import RecurrentEncoder
from seqkit.text.vocabulary import AFFIX_LENGTHS, PADDING_ID, UNKNOWN_ID, WORD_SHAPES, Vocabulary

__all__ = ["SpellingCNN", "SpellingLSTM", "WordFeatures", "word_features"]

SPELLINGS_AT_ONCE = 192


class SpellingCNN(nn.Module):
    """Vectors of spellings: character embeddings, convolutions, and the maximum over positions (Ma and Hovy 2016).

    Args:
        characters: size of the character vocabulary; id 0 is padding.
        character_size: width of a character embedding.
        filters: filters of each width.
        widths: widths of the convolutions, in characters.

    >>> SpellingCNN(30, 8, filters=16, widths=(3,))(torch.randint(1, 30, (5, 7)), torch.full((5,), 7)).shape
    torch.Size([5, 16])
    """

    def __init__(self, characters: int, character_size: int, *, filters: int, widths: tuple[int, ...] = (3,)) -> None:
        super().__init__()
        self.characters = Embedding(
            characters, character_size, padding_idx=PADDING_ID, sparse_gradient=False
        )  # the convolutions read the whole table
        nn.init.uniform_(self.characters.weight[1:], -((3 / character_size) ** 0.5), (3 / character_size) ** 0.5)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(character_size, filters, width, padding=width - 1) for width in widths
        )
        self.widths = widths
        self.output_size = filters * len(widths)

    def forward(self, characters_UL: Tensor, lengths_U: Tensor) -> Tensor:
        """Return vectors (U, D) of character ids (U, L)."""
        if len(lengths_U) <= SPELLINGS_AT_ONCE or lengths_U.device.type != "cpu":
            return self._vectors(characters_UL, lengths_U)
        # Most words are short and a few are long: in blocks sorted by length, each is only as wide as its longest word.
        order_U = lengths_U.argsort()
        blocks = []
        for rows in order_U.split(SPELLINGS_AT_ONCE):
            lengths = lengths_U[rows]
            blocks.append(self._vectors(characters_UL[rows, : int(lengths[-1])], lengths))
        return torch.cat(blocks).index_select(0, order_U.argsort())

    def _vectors(self, characters_UL: Tensor, lengths_U: Tensor) -> Tensor:
        return torch.cat(
            [self._of_width(convolution, characters_UL, lengths_U) for convolution in self.convolutions], 1
        )

    def _of_width(self, convolution: nn.Module, characters_UL: Tensor, lengths_U: Tensor) -> Tensor:
        # The contribution of a character at a position of a filter's window is one number, so there is a table of
        # contributions for each position, and a window is a sum of their rows. On a CPU this is faster than the equal
        # convolution, and needs no new kernel for each shape of a batch.
        assert isinstance(convolution, nn.Conv1d)
        assert convolution.bias is not None
        width = convolution.kernel_size[0]
        known_C1 = (torch.arange(len(self.characters.weight), device=lengths_U.device) != PADDING_ID)[:, None]
        tables_KCF = torch.einsum("ce,fek->kcf", self.characters.weight * known_C1, convolution.weight)
        padded_UP = nn.functional.pad(characters_UL, (width - 1, width - 1), value=PADDING_ID)
        windows = padded_UP.shape[1] - width + 1
        scores_UWF = nn.functional.embedding(padded_UP[:, :windows], tables_KCF[0])
        for place in range(1, width):
            scores_UWF = scores_UWF + nn.functional.embedding(padded_UP[:, place : place + windows], tables_KCF[place])
        # A window beyond the word's end is empty and would score the bias: it is left out of the maximum.
        windows_W = torch.arange(windows, device=lengths_U.device)
        beyond_UW1 = (windows_W >= lengths_U[:, None] + width - 1)[..., None]
        return (scores_UWF.masked_fill_(beyond_UW1, -torch.inf).amax(1) + convolution.bias).relu()


class SpellingLSTM(nn.Module):
    """Vectors of spellings: last states of a bidirectional LSTM over characters (Lample et al. 2016).

    Args:
        characters: size of the character vocabulary; id 0 is padding.
        character_size: width of a character embedding.
        hidden_size: hidden units per direction.

    >>> SpellingLSTM(30, 8, hidden_size=6)(torch.randint(1, 30, (5, 7)), torch.full((5,), 7)).shape
    torch.Size([5, 12])
    """

    def __init__(self, characters: int, character_size: int, *, hidden_size: int) -> None:
        super().__init__()
        self.characters = Embedding(characters, character_size, padding_idx=PADDING_ID)
        self.encoder = RecurrentEncoder(character_size, hidden_size, bidirectional=True)
        self.output_size = self.encoder.output_size

    def forward(self, characters_UL: Tensor, lengths_U: Tensor) -> Tensor:
        """Return vectors (U, D) of character ids (U, L)."""
        final_UD: Tensor = self.encoder(self.characters(characters_UL), lengths_U.cpu()).final_BH
        return final_UD


class WordFeatures(nn.Module):
    """Word embedding, spelling vector, shape embedding and affix embeddings, side by side.

    Args:
        singletons: for each entry of the word vocabulary, whether it occurs once in the training data.
        word_size: width of a word embedding.
        spelling: the character model, if any.
        shapes: size of the shape table; id 0 is padding.
        shape_size: width of a shape embedding; 0 leaves shapes out.
        affixes: size of the affix vocabulary; id 0 is padding.
        affixes_of_word: number of affixes of a word.
        affix_size: width of an affix embedding; 0 leaves affixes out.
        singleton_replacement: in training, the probability of replacing a word that occurs once by the unknown word.
        word_replacement: the same for any other word.
    """

    singletons_V: Tensor

    def __init__(
        self,
        singletons: Tensor,
        *,
        word_size: int,
        spelling: SpellingCNN | SpellingLSTM | None,
        shapes: int,
        shape_size: int,
        affixes: int,
        affixes_of_word: int,
        affix_size: int,
        singleton_replacement: float,
        word_replacement: float,
    ) -> None:
        super().__init__()
        self.words = Embedding(len(singletons), word_size, padding_idx=PADDING_ID)
        nn.init.uniform_(self.words.weight[1:], -((3 / word_size) ** 0.5), (3 / word_size) ** 0.5)
        self.spelling = spelling
        self.shapes = Embedding(shapes, shape_size, padding_idx=PADDING_ID) if shape_size else None
        self.affixes = Embedding(affixes, affix_size, padding_idx=PADDING_ID) if affix_size else None
        self.register_buffer("singletons_V", singletons)
        self.singleton_replacement = singleton_replacement
        self.word_replacement = word_replacement
        spelling_size = spelling.output_size if spelling else 0
        self.output_size = word_size + spelling_size + shape_size + affixes_of_word * affix_size

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the vectors of the words of a batch, (B, T, D).

        Args:
            inputs: ``words_BT``, word ids; ``spellings_BT``, the row of each token's spelling in the table of distinct
                spellings; and either ``spelling_vectors_UD``, this table as :meth:`spelling_vectors` returns it, or the
                entries that :meth:`spelling_vectors` reads.
        """
        words_BT = inputs["words_BT"]
        spellings_UD = (
            inputs["spelling_vectors_UD"] if "spelling_vectors_UD" in inputs else self.spelling_vectors(inputs)
        )
        if self.training:
            words_BT = replace_words(
                words_BT,
                self.singletons_V,
                UNKNOWN_ID,
                singleton=self.singleton_replacement,
                other=self.word_replacement,
            )
        return torch.cat([self.words(words_BT), nn.functional.embedding(inputs["spellings_BT"], spellings_UD)], dim=-1)

    @torch.no_grad()
    def adopt(self, vectors: Mapping[str, Tensor], words: Vocabulary) -> None:
        """Initialise the embeddings of some words with pretrained vectors."""
        for word, vector in vectors.items():
            self.words.weight[words.ids([word])[0]] = vector

    def spelling_vectors(self, spellings: Mapping[str, Tensor]) -> Tensor:
        """Return the features that depend on a spelling alone, side by side: its vector, shape and affixes, (U, D').

        Args:
            spellings: ``shapes_U``, shape ids; ``affixes_UA``, affix ids; ``characters_UL``, character ids, and
                ``characters_U``, how many there are. Other entries are ignored.
        """
        parts = [self.words.weight.new_zeros(len(spellings["shapes_U"]), 0)]
        if self.spelling is not None:
            parts.append(self.spelling(spellings["characters_UL"], spellings["characters_U"]))
        if self.shapes is not None:
            parts.append(self.shapes(spellings["shapes_U"]))
        if self.affixes is not None:
            parts.append(self.affixes(spellings["affixes_UA"]).flatten(1))
        return torch.cat(parts, dim=1)


def word_features(config: WordConfig, singletons: Tensor, *, characters: int, affixes: int) -> WordFeatures:
    """Return the features that a configuration describes.

    Args:
        config: widths and dropouts.
        singletons: for each entry of the word vocabulary, whether it occurs once in the training data.
        characters: size of the character vocabulary.
        affixes: size of the affix vocabulary.
    """
    return WordFeatures(
        singletons,
        word_size=config.word_size,
        spelling=_spelling_model(config, characters),
        shapes=len(WORD_SHAPES),
        shape_size=config.shape_size,
        affixes=affixes,
        affixes_of_word=len(AFFIX_LENGTHS),
        affix_size=config.affix_size,
        singleton_replacement=config.singleton_replacement,
        word_replacement=config.word_replacement,
    )


def _spelling_model(config: WordConfig, characters: int) -> SpellingCNN | SpellingLSTM | None:
    if config.characters == "cnn":
        return SpellingCNN(characters, config.character_size, filters=config.character_filters)
    if config.characters == "lstm":
        return SpellingLSTM(characters, config.character_size, hidden_size=config.character_filters)
    return None
