"""What is hashed and signed, and what a check comes to."""
