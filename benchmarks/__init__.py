"""Benchmarks: each measures seqkit and a named baseline in the same run, on real corpora."""
