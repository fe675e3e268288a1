"""The trail, its sealing into the log, and the log's proofs."""
