"""Wire types of signatures, credentials, the transparency log and proofs."""
