"""Benchmarks: each prints, in one run, what seqkit does on real corpora and what a named peer does beside it."""
