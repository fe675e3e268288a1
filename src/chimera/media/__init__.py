"""Pictures and clips: made by tools, kept by their content (MED-4)."""
