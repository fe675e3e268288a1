"""What an influencer remembers (MEM-1)."""
