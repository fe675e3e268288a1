"""The rules: pure functions. No I/O, no clock, no randomness."""
