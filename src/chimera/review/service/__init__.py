"""What reviewers do, each in one transaction."""
