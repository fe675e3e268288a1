"""Where a piece comes from: assets, signatures, lineage, verification (PRV-1..5)."""
