"""The corpora that come with seqkit: a folder each, with its splits and a CARD.md that describes it."""
