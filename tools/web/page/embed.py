"""Puts the page together and makes a header of it: embed.py HEADER.h PAGE.html PAGE.css SCRIPT.js...

The page then needs nothing but itself, and its policy names its own script and style by their digests, so that a
browser runs no other.
"""

import base64
import hashlib
import pathlib
import sys

CHUNK = 8000  # characters of one literal


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def literal(text):
    chunks = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
    return "\n".join(f'    R"warp({chunk})warp"' for chunk in chunks)


def main():
    header, *parts = (pathlib.Path(name) for name in sys.argv[1:])
    html, style, *scripts = (part.read_text(encoding="utf-8") for part in parts)
    script = "\n".join(scripts)
    for part in (html, style, script):
        assert ')warp"' not in part
    assert html.count("<style></style>") == 1 and html.count("<script></script>") == 1
    # What is measured is what stands between the tags.
    page = html.replace("<style></style>", f"<style>\n{style}</style>").replace("<script></script>", f"<script>\n{script}</script>")
    policy = "; ".join(
        (
            "default-src 'none'",
            "script-src " + digest("\n" + script),
            "style-src " + digest("\n" + style),
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
    header.write_text(
        "// Made by tools/web/page/embed.py.\n"
        f"inline constexpr char kPageText[] =\n{literal(page)};\n"
        f"inline constexpr char kPagePolicy[] =\n{literal(policy)};\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
