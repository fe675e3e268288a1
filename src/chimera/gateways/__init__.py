"""The world as Chimera reaches it: models, tools, custody. Stores and gateways do not know each other."""
