"""The honesty directive, in code: whoever asks whether an AI writes here is told so, whatever the persona says."""

import re

_AI = (
    r"(?:(?:chat|ro)?bot|a\.?i\.?|artificial(?: intelligence)?|language model|llm|(?:chat)?gpt|machine"
    r"|computer(?: program)?|automated|software|virtual)"
)
_HUMAN = r"(?:human(?: being)?|(?:real|actual|living) (?:person|human|man|woman|girl|guy|boy)|flesh and blood)"
_SURE = r"(?:(?:just|only|really|actually|definitely|100\s?%)\s+)?"
_NEAR = r"[^.!?\n]{0,60}?"

_ASKED = re.compile(
    "|".join(
        (
            rf"\b(?:are|r)\s+(?:you|u)\b{_NEAR}\b(?:{_AI}|{_HUMAN}|real)\b",
            rf"\b(?:you|u)\b{_NEAR}\b(?:{_AI}|{_HUMAN})\b[^.!\n]{{0,20}}\?",
            rf"\bis\s+(?:this|it|that|@\w+|s?he)\b{_NEAR}\b(?:{_AI}|{_HUMAN})\b",
            rf"\b(?:talking|speaking|chatting|writing)\s+(?:to|with)\b{_NEAR}\b(?:{_AI}|{_HUMAN}|person)\b",
            rf"\b(?:{_AI}|{_HUMAN})\s+or\s+(?:an?\s+)?(?:{_AI}|{_HUMAN}|real)\b",
            rf"\bdid\b{_NEAR}\b{_AI}\b{_NEAR}\b(?:write|make|post)\b",
            rf"\b(?:written|made|posted|generated|run)\s+by\s+(?:an?\s+)?(?:{_AI}|{_HUMAN})\b[^.!\n]{{0,20}}\?",
            r"\b(?:bist|sind)\s+(?:du|sie)\b[^.!?\n]{0,60}?\b(?:bot|roboter|ki|mensch|echt|maschine)\b",
            r"\b(?:es[- ]tu|êtes[- ]vous|tu es|vous êtes|t'es)\b[^.!?\n]{0,60}?\b(?:robot|bot|ia|humaine?|machine)\b",
            r"\b(?:eres|es usted|sos)\b[^.!?\n]{0,60}?\b(?:bot|robot|ia|human[oa]|máquina|persona real)\b",
            r"\b(?:sei|siete)\b[^.!?\n]{0,60}?\b(?:bot|robot|ia|uman[oa]|macchina)\b",
            r"\b(?:você é|tu és|és)\b[^.!?\n]{0,60}?\b(?:bot|robô|ia|human[oa]|máquina)\b",
        )
    ),
    re.IGNORECASE,
)
_CLAIMS = re.compile(
    "|".join(
        (
            rf"\b(?:i am|i'm|im)\s+{_SURE}(?:an?\s+)?{_HUMAN}\b",
            rf"\b(?:i am|i'm|im)\s+(?:not|no)\s+(?:just\s+)?(?:an?\s+)?{_AI}\b",
            rf"\b(?:i am|i'm|im)\s+(?:definitely|certainly|absolutely)\s+not\s+(?:an?\s+)?{_AI}\b",
            rf"\bas\s+a\s+(?:fellow\s+)?{_HUMAN}\b",
            r"\b(?:no|not)\s+(?:ai|bots?|robots?|machines?)\s+(?:here|involved|was used|wrote)\b",
            r"\bich bin\s+(?:ein\s+(?:echter\s+)?mensch|kein(?:e)?\s+(?:bot|roboter|ki|maschine))\b",
            r"\bje (?:suis|ne suis pas)\s+(?:une?\s+)?(?:humaine?\b|robot|bot|ia|machine)",
            r"\b(?:soy|no soy)\s+(?:una?\s+)?(?:human[oa]|persona real|bot|robot|ia|máquina)\b",
        )
    ),
    re.IGNORECASE,
)
_ADMITS = re.compile(
    r"\b(?:i am|i'm|im|yes|yep|it is|this is|ich bin|je suis|soy|sono|sou)\b[^.!?\n]{0,40}?"
    r"\b(?:an?\s+)?(?:a\.?i\.?|ki|ia|artificial|bot|robot|language model|künstlich\w*)(?!\w)",
    re.IGNORECASE,
)


def asked(text: str) -> bool:
    """Whether somebody wants to know if an AI is writing; the languages of the patterns alone are understood."""
    return _ASKED.search(text) is not None


def claims_humanity(text: str) -> bool:
    """Whether a text says that a human writes it, or no AI."""
    return _CLAIMS.search(text) is not None


def admits(text: str) -> bool:
    """Whether a text says outright that an AI writes it."""
    return _ADMITS.search(text) is not None and not claims_humanity(text)


def answered(text: str, admission: str) -> str:
    """A reply to whoever asked: it begins with the admission unless it has one; one that denies it is dropped."""
    if admits(text):
        return text
    return admission if claims_humanity(text) else f"{admission} {text}"
