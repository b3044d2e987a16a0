"""Where a text stops being JSON, in the words of the parser that the real Marathon uses.

Only read once a body is known to be bad, so it is written for the words and not for speed.
"""

from __future__ import annotations

from typing import NoReturn

_SHOWN = 500
_TOKENS = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_DIGITS = b"0123456789"
_SPACE = b" \t\r\n"
_ESCAPES = b'"\\/bfnrt'
_LITERALS = {b"t": b"true", b"f": b"false", b"n": b"null"}
#: The scanner calls itself for each level; deeper text is refused by the reader already.
_DEEPEST = 200


class _FaultError(Exception):
    """The first fault; its text is the message."""


def source(body: bytes) -> str:
    """Return how the parser names its input: the first 500 bytes of it."""
    shown = body[:_SHOWN].decode("utf-8", "replace")
    rest = f"[truncated {len(body) - _SHOWN} bytes]" if len(body) > _SHOWN else ""
    return f'(byte[])"{shown}"{rest}'


def describe(body: bytes) -> str:
    """Return the message for a body that is no JSON."""
    scanner = _Scanner(body)
    try:
        scanner.document()
    except _FaultError as fault:
        return str(fault)
    return "Unexpected content"


class _Scanner:
    """Walks over the bytes as the real parser does and stops at the first fault."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def document(self) -> None:
        self.value(0)
        if self.skip() is None:
            return
        kind = {ord("{"): "START_OBJECT", ord("["): "START_ARRAY", ord('"'): "VALUE_STRING"}
        first = self.body[self.at]
        self.value(0)
        self.fail(
            f"Trailing token (of type {kind.get(first, 'VALUE_NUMBER_INT')}) found after value "
            "(bound as `play.api.libs.json.JsValue`): not allowed as per "
            "`DeserializationFeature.FAIL_ON_TRAILING_TOKENS`"
        )

    def fail(self, text: str) -> NoReturn:
        raise _FaultError(text)

    def skip(self) -> int | None:
        """Skip white space; return the byte that follows, None at the end."""
        while self.at < len(self.body) and self.body[self.at] in _SPACE:
            self.at += 1
        return self.body[self.at] if self.at < len(self.body) else None

    def value(self, depth: int) -> None:
        byte = self.skip()
        if byte is None:
            self.fail("Unexpected end-of-input")
        if depth > _DEEPEST:
            self.fail("Too deeply nested")
        if byte in b"{[":
            self.compound(depth, is_object=byte == ord("{"))
        elif byte == ord('"'):
            self.string("was expecting closing quote for a string value", ":")
        elif byte in _DIGITS or byte == ord("-"):
            self.number()
        elif bytes([byte]) in _LITERALS:
            self.literal(_LITERALS[bytes([byte])])
        elif byte in b"}]":
            self.unexpected(byte, "expected a value")
        else:
            self.token_or_unexpected(byte)

    def unexpected(self, byte: int, text: str) -> NoReturn:
        code = f"('{chr(byte)}' (code {byte}))"
        if byte < 0x20:
            code = f"((CTRL-CHAR, code {byte}))"
        self.fail(f"Unexpected character {code}: {text}")

    def compound(self, depth: int, *, is_object: bool) -> None:
        start, kind = self.at, "Object" if is_object else "Array"
        close = ord("}") if is_object else ord("]")
        self.at += 1
        if self.skip() == close:
            self.at += 1
            return
        while True:
            if is_object:
                self.name(start)
            elif self.skip() is None:
                self.fail_open(start, kind)
            self.value(depth + 1)
            byte = self.skip()
            if byte is None:
                self.fail_open(start, kind)
            self.at += 1
            if byte == close:
                return
            if byte in b"}]":
                self.fail(
                    f"Unexpected close marker '{chr(byte)}': expected '{chr(close)}' "
                    f"(for {kind} starting at {self.location(start)})"
                )
            if byte != ord(","):
                self.unexpected(byte, f"was expecting comma to separate {kind} entries")
            if self.skip() is None:
                self.fail(f"Unexpected end-of-input within/between {kind} entries")

    def fail_open(self, start: int, kind: str) -> NoReturn:
        self.fail(
            f"Unexpected end-of-input: expected close marker for {kind} "
            f"(start marker at {self.location(start)})"
        )

    def location(self, start: int) -> str:
        before = self.body[:start].split(b"\n")
        where = f"line: {len(before)}, column: {len(before[-1]) + 1}"
        return f"[Source: {source(self.body)}; {where}]"

    def name(self, start: int) -> None:
        byte = self.skip()
        if byte is None:
            self.fail_open(start, "Object")
        if byte != ord('"'):
            self.unexpected(byte, "was expecting double-quote to start field name")
        self.string("in field name", "")
        byte = self.skip()
        if byte is None:
            self.fail("Unexpected end-of-input within/between Object entries")
        if byte != ord(":"):
            self.unexpected(byte, "was expecting a colon to separate field name and value")
        self.at += 1
        if self.skip() is None:
            self.fail("Unexpected end-of-input within/between Object entries")

    def string(self, at_end: str, colon: str) -> None:
        self.at += 1
        while self.at < len(self.body):
            byte = self.body[self.at]
            if byte == ord('"'):
                self.at += 1
                return
            if byte == ord("\\"):
                self.escape()
            elif byte < 0x20:
                self.fail(
                    f"Illegal unquoted character ((CTRL-CHAR, code {byte})): "
                    "has to be escaped using backslash to be included in string value"
                )
            else:
                self.character()
        self.fail(f"Unexpected end-of-input{colon} {at_end}")

    def escape(self) -> None:
        self.at += 1
        if self.at >= len(self.body):
            self.fail("Unexpected end-of-input in character escape sequence")
        byte = self.body[self.at]
        self.at += 1
        if byte == ord("u"):
            for _ in range(4):
                if self.at >= len(self.body):
                    self.fail("Unexpected end-of-input in character escape sequence")
                if self.body[self.at] not in b"0123456789abcdefABCDEF":
                    self.unexpected(
                        self.body[self.at], "expected a hex-digit for character escape sequence"
                    )
                self.at += 1
        elif byte not in _ESCAPES:
            self.fail(f"Unrecognized character escape '{chr(byte)}' (code {byte})")

    def character(self) -> None:
        """Pass one character of UTF-8."""
        byte = self.body[self.at]
        length = 1 if byte < 0x80 else 2 if byte >> 5 == 6 else 3 if byte >> 4 == 14 else 4
        if byte >= 0x80 and length == 4 and byte >> 3 != 30:
            self.fail(f"Invalid UTF-8 start byte 0x{byte:x}")
        for other in self.body[self.at + 1 : self.at + length]:
            if other >> 6 != 2:
                self.fail(f"Invalid UTF-8 middle byte 0x{other:x}")
        self.at += length

    def number(self) -> None:
        if self.body[self.at] == ord("-"):
            self.at += 1
            byte = self.body[self.at] if self.at < len(self.body) else None
            if byte is None or byte not in _DIGITS:
                self.unexpected(
                    byte or 0x20,
                    "expected digit (0-9) to follow minus sign, for valid numeric value",
                )
        start = self.at
        while self.at < len(self.body) and self.body[self.at] in b"0123456789.eE+-":
            self.at += 1
        text = self.body[start : self.at]
        if len(text) > 1 and text[0] == ord("0") and text[1] in _DIGITS:
            self.fail("Invalid numeric value: Leading zeroes not allowed")

    def literal(self, word: bytes) -> None:
        end = self.at + len(word)
        follows = self.body[end : end + 1]
        if self.body[self.at : end] == word and not follows.isalnum():
            self.at = end
            return
        self.token()

    def token_or_unexpected(self, byte: int) -> NoReturn:
        if byte >= 0x80 or chr(byte).isalpha() or chr(byte) in "_$":
            self.token()
        self.unexpected(byte, f"expected a valid value {_TOKENS}")

    def token(self) -> NoReturn:
        """Name the word at hand; its first byte is not decoded (recordings 01, ``\\xff\\xfe{``)."""
        start = self.at
        self.at += 1
        while self.at < len(self.body) and len(self.body[start : self.at]) < 256:
            before = self.at
            self.character()
            text = self.body[before : self.at].decode("utf-8", "replace")
            if not (text.isalnum() or text in "_$"):
                self.at = before
                break
        word = self.body[start : self.at].decode("utf-8", "replace")
        self.fail(f"Unrecognized token '{word}': was expecting {_TOKENS}")
