"""Weights of labels as they are written in a setting: ``O=0.5,LOC=2``."""

from seqkit.errors import ConfigError, setting_ref

__all__ = ["parse_label_weights"]


def parse_label_weights(setting: str, text: str | None) -> dict[str, float]:
    """Read the weight of each label.

    Args:
        setting: the name of the setting, for the error message.
        text: ``NAME=NUMBER,NAME=NUMBER``; None gives no weights.

    Raises:
        ConfigError: the text is written otherwise, or a weight is negative or not finite.

    >>> parse_label_weights("label_weights", "O=0.5, B-LOC=2")
    {'O': 0.5, 'B-LOC': 2.0}
    """
    weights: dict[str, float] = {}
    for part in text.split(",") if text else ():
        label, _, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not label.strip() or not 0.0 <= weight < float("inf"):
            raise ConfigError(f"{setting_ref(setting)} must be written like O=0.5,LOC=2, not {text!r}")
        weights[label.strip()] = weight
    return weights
