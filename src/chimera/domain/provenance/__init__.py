"""The rules of proof: hashes, leaves, Merkle trees, signed notes, what an export has to satisfy."""
