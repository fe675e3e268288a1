"""Pieces with what proves them, and checks of them."""
