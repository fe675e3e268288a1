"""The board's shell: layout, live updates, authentication; the rooms bring their pages."""
