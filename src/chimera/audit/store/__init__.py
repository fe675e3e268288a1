"""The SQL of the audit trail and of the transparency log."""
