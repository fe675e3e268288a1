"""The tests of the house; those of a package lie beside it."""
