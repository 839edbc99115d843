"""What a tagger knows of a word before it sees its neighbours: the word itself, its spelling, affixes and shape.

Shapes: B batch, T time, D output width, U distinct spellings of a batch, L characters, E embedding width, F filters,
C characters of the vocabulary, K characters of a window, P padded characters, W windows, A affixes of a word.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqkit.config.words import WordConfig
from seqkit.nn.dropout import replace_words
from seqkit.nn.recurrent import RecurrentEncoder
from seqkit.text.vocabulary import AFFIX_LENGTHS, PADDING_ID, UNKNOWN_ID, WORD_SHAPES, Vocabulary

__all__ = ["SpellingCNN", "SpellingLSTM", "WordFeatures", "word_features"]

SPELLINGS_AT_ONCE = 192


class CharacterTable(nn.Embedding):
    """Embeddings that are read as a whole, not row by row, so that their gradient is one of the whole."""


class SpellingCNN(nn.Module):
    """Vectors of spellings: character embeddings, convolutions, maximum over positions (Ma and Hovy 2016).

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
        self.characters = CharacterTable(characters, character_size, padding_idx=PADDING_ID)
        nn.init.uniform_(self.characters.weight[1:], -((3 / character_size) ** 0.5), (3 / character_size) ** 0.5)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(character_size, filters, width, padding=width - 1) for width in widths
        )
        self.widths = widths
        self.output_size = filters * len(widths)

    def forward(self, characters_UL: Tensor, lengths_U: Tensor) -> Tensor:
        """Vectors (U, D) of character ids (U, L)."""
        if len(lengths_U) <= SPELLINGS_AT_ONCE:
            return self._vectors(characters_UL, lengths_U)
        # Most words are short and a few are long: sorted into blocks, each is as wide as its own longest alone.
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
        # What a filter makes of a character at a place of its window is one number: a row of a table for each place.
        # Windows are sums of such rows. On a CPU that is faster than the convolution it equals, and unlike it needs no
        # new kernel for every shape of a batch.
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
        # A window beyond the word's end sees nothing, so its value is the bias: the maximum must not see it.
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
        self.characters = nn.Embedding(characters, character_size, padding_idx=PADDING_ID)
        self.encoder = RecurrentEncoder(character_size, hidden_size, bidirectional=True)
        self.output_size = self.encoder.output_size

    def forward(self, characters_UL: Tensor, lengths_U: Tensor) -> Tensor:
        """Vectors (U, D) of character ids (U, L)."""
        final_UD: Tensor = self.encoder(self.characters(characters_UL), lengths_U.cpu()).final_BH
        return final_UD


class WordFeatures(nn.Module):
    """Word embedding, spelling vector, shape embedding and affix embeddings, side by side.

    Args:
        singletons: for each entry of the word vocabulary whether training holds it once.
        word_size: width of a word embedding.
        spelling: the character model, or None.
        shapes: size of the shape table; id 0 is padding.
        shape_size: width of a shape embedding; 0 leaves shapes out.
        affixes: size of the affix vocabulary; id 0 is padding.
        affixes_of_word: how many affixes a word has.
        affix_size: width of an affix embedding; 0 leaves affixes out.
        singleton_replacement: probability that a word seen once is read as unknown, in training.
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
        self.words = nn.Embedding(len(singletons), word_size, padding_idx=PADDING_ID)
        nn.init.uniform_(self.words.weight[1:], -((3 / word_size) ** 0.5), (3 / word_size) ** 0.5)
        self.spelling = spelling
        self.shapes = nn.Embedding(shapes, shape_size, padding_idx=PADDING_ID) if shape_size else None
        self.affixes = nn.Embedding(affixes, affix_size, padding_idx=PADDING_ID) if affix_size else None
        self.register_buffer("singletons_V", singletons)
        self.singleton_replacement = singleton_replacement
        self.word_replacement = word_replacement
        spelling_size = spelling.output_size if spelling else 0
        self.output_size = word_size + spelling_size + shape_size + affixes_of_word * affix_size

    def forward(self, words_BT: Tensor, spellings_BT: Tensor, spelt_UD: Tensor) -> Tensor:
        """Vectors (B, T, D).

        Args:
            words_BT: word ids.
            spellings_BT: for each token the row of its spelling in ``spelt_UD``.
            spelt_UD: what :meth:`spelt` gave for distinct spellings.
        """
        if self.training:
            words_BT = replace_words(
                words_BT,
                self.singletons_V,
                UNKNOWN_ID,
                singleton=self.singleton_replacement,
                anyone=self.word_replacement,
            )
        return torch.cat([self.words(words_BT), nn.functional.embedding(spellings_BT, spelt_UD)], dim=-1)

    @torch.no_grad()
    def adopt(self, vectors: Mapping[str, Tensor], words: Vocabulary) -> None:
        """Begin with pretrained vectors of some words."""
        for word, vector in vectors.items():
            self.words.weight[words.ids([word])[0]] = vector

    def spelt(self, shapes_U: Tensor, affixes_UA: Tensor, characters_UL: Tensor, characters_U: Tensor) -> Tensor:
        """What depends on a spelling alone, (U, D'): its vector, shape and affixes, side by side.

        Args:
            shapes_U: shape ids.
            affixes_UA: affix ids.
            characters_UL: character ids.
            characters_U: how many these are.
        """
        parts = [self.words.weight.new_zeros(len(shapes_U), 0)]
        if self.spelling is not None:
            parts.append(self.spelling(characters_UL, characters_U))
        if self.shapes is not None:
            parts.append(self.shapes(shapes_U))
        if self.affixes is not None:
            parts.append(self.affixes(affixes_UA).flatten(1))
        return torch.cat(parts, dim=1)


def word_features(config: WordConfig, singletons: Tensor, *, characters: int, affixes: int) -> WordFeatures:
    """The features that a configuration describes.

    Args:
        config: widths and dropouts.
        singletons: for each entry of the word vocabulary whether training holds it once.
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
