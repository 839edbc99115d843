"""Which modules are mutated, and the tests that should notice."""

__all__ = ["TARGETS"]

TARGETS: dict[str, tuple[str, ...]] = {
    "seqkit.text.tagging_schemes": ("text/test_tagging_schemes.py", "text/test_gold_tags.py"),
    "seqkit.text.scheme_rules": ("text/test_tagging_schemes.py", "text/test_gold_tags.py"),
    "seqkit.crf.layer": ("crf/test_layer.py", "crf/test_forward_backward.py"),
    "seqkit.crf.forward_backward": ("crf/test_forward_backward.py", "crf/test_layer.py"),
    "seqkit.crf.viterbi": ("crf/test_viterbi.py",),
    "seqkit.crf.weighted_likelihood": ("crf/test_weighted_likelihood.py",),
    "seqkit.generation.filters": ("generation/test_filters.py", "generation/test_generate.py"),
    "seqkit.generation.generate": ("generation/test_generate.py",),
    "seqkit.generation.decoder": ("generation/test_decoder.py",),
    "seqkit.batches.batch": ("batches/test_batching.py",),
    "seqkit.batches.samplers": ("batches/test_batching.py",),
    "seqkit.batches.bptt_windows": ("batches/test_bptt_windows.py",),
    "seqkit.batches.token_store": ("batches/test_token_store.py", "batches/test_bptt_windows.py"),
    "seqkit.batches.word_examples": ("batches/test_word_examples.py", "tasks/test_tagging.py"),
    "seqkit.tasks.tagging_windows": ("tasks/test_tagging_windows.py",),
    "seqkit.runs.folder": ("runs",),
    "seqkit.runs.atomic": ("runs",),
    "seqkit.data.conll": ("data/test_conll.py", "data/test_unnamed_columns.py"),
    "seqkit.data.conllu": ("data/test_conllu.py",),
    "seqkit.data.jsonl": ("data/test_jsonl.py",),
    "seqkit.data.csv_tables": ("data/test_csv_tables.py", "data/test_tables.py"),
    "seqkit.data.tables": ("data/test_tables.py", "data/test_csv_tables.py"),
}
"""The tests of each module, in ``tests/``; the docstrings of the module are run too."""
