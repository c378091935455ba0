"""Benchmarks: every figure beside its baseline, measured in turns in the same run."""
