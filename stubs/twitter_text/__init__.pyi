class ParsedResult:
    weightedLength: int
    valid: bool

def parse_tweet(text: str) -> ParsedResult: ...
