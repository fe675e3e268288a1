"""Judging: rules and scores, held pieces and human verdicts, questions, calibration (JDG-1..8)."""
