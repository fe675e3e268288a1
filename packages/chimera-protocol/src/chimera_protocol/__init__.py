"""The words that Chimera and its packages share on the wire: types, money, errors, statements."""
