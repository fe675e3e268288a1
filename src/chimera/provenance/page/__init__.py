"""The board's part of the room: the gallery, an asset, the public verify page."""
