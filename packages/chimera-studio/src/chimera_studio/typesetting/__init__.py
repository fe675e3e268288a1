"""Text as glyphs in lines: faces, shaping, directions, paragraphs."""
