"""Text on pictures: what of it can be written, and Typst, which sets it and paints the picture."""
