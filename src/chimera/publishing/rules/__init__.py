"""Which call a piece becomes, and whether its grant still holds."""
