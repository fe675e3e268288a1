"""Still pictures: cards, quotes, charts, carousels and art, laid out for any length of text."""
