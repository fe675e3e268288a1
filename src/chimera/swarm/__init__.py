"""The roles. They hold ports only and never import each other."""
