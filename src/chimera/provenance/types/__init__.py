"""Assets, lineage and checks, as they cross a boundary."""
