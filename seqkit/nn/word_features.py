"""Word features as a configuration describes them."""

from torch import Tensor

from seqkit.config.configs import WordConfig
from seqkit.nn.embeddings import SpellingCNN, SpellingLSTM, WordFeatures
from seqkit.text.vocabulary import AFFIX_LENGTHS, WORD_SHAPES

__all__ = ["word_features"]


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
