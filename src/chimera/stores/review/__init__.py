"""What waits for a human: approvals, questions about effects, audits of the Judge."""
