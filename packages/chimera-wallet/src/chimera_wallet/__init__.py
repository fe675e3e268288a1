"""The wallet as an MCP server: balances, payments and tokens of the influencers' accounts, without a key of its own."""
