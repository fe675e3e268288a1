"""What people and programs touch: thin, they parse, call and render."""
