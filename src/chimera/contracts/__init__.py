"""What crosses a boundary: frozen wire types, errors and ports. Imports nothing else of Chimera."""
