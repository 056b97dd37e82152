"""Commands of documents, held against what the programs declare: their verbs, options, values and arguments by --help."""

import functools
import os
import re
import shlex
import subprocess

# Programs with a --help of their own, by the name that they are typed with, and where they are in a build directory.
PROGRAMS = {"warp": "tools/warp", "warpd": "control/warpd", "warp-map": "map-server/warp-map"}
SEPARATORS = {"|", "||", "&", "&&", ";", ")", "{", "}"}
PLACEHOLDER = re.compile(r"^[A-Z<$…]|…$")


class Verb:
    """What the --help of a program or of one of its verbs declares."""

    def __init__(self, program, words):
        result = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=False)
        self.program = program
        self.words = words
        self.known = result.returncode == 0
        self.options = {}  # name -> whether it takes a value
        self.required = set()
        self.choices = {}  # name -> the words that it takes
        self.arguments = []  # (name, whether it is required, whether it takes any number)
        self.verbs = []
        self.needs_verb = bool(re.search(r"^Usage: .* SUBCOMMAND$", result.stdout, re.MULTILINE))
        self._read(result.stdout)

    def _read(self, text):
        part = ""
        for line in text.splitlines():
            if re.match(r"^ *\[?[A-Z][A-Za-z ]*:.*$", line) and not line.startswith("   -"):
                part = line.strip().split(":")[0]
            option = re.match(r"^ +(-[\w,-]+)(.*)$", line)
            if option:
                self._add_option(option.group(1).split(","), option.group(2))
            elif part == "Positionals" and (found := re.match(r"^  ([\w-]+) (.*)$", line)):
                declared = re.split(r"  +", found.group(2))[0]
                self.arguments.append((found.group(1), "REQUIRED" in declared, "..." in declared))
            elif part == "Subcommands" and (found := re.match(r"^  ([a-z-]+)(  |$)", line)):
                self.verbs.append(found.group(1))

    def _add_option(self, names, declared):
        declared = re.split(r"  +", declared)[0] if not declared.startswith("  ") else ""
        declared = re.sub(r"\b(Needs|Excludes):( --?[\w-]+)+", "", declared)
        takes_value = bool(re.search(r"\S", declared.replace("REQUIRED", "")))
        choice = re.search(r"\{([^}]*)\}", declared)
        for name in names:
            self.options[name] = takes_value
            if choice:
                self.choices[name] = choice.group(1).split(",")
        if "REQUIRED" in declared:
            self.required.add(names[-1])


class Programs:
    """The programs of a build directory."""

    def __init__(self, build):
        self.build = build

    @functools.lru_cache(maxsize=None)
    def verb(self, program, *words):
        return Verb(os.path.join(self.build, PROGRAMS[program]), list(words))

    def all_verbs(self, program, *words):
        """Returns the words of each verb that has none below it."""
        below = self.verb(program, *words).verbs
        return [leaf for name in below for leaf in self.all_verbs(program, *words, name)] if below else [words]

    def complaint(self, command, whole):
        """Returns what is wrong with a command (its words, the program's first), or none.

        `whole`: it is typed as it stands. Otherwise it only speaks of the command, and may leave out what it needs.
        """
        program, *words = command
        verb = self.verb(program)
        given, arguments, path = set(), [], []
        while words:
            word = words.pop(0)
            if word == "--":
                break
            if word == "…":
                continue
            if word in ("-h", "--help"):
                return None
            if word.startswith("-") and len(word) > 1:
                name, equals, value = word.partition("=")
                if name not in verb.options:
                    # A verb takes the options of those above it.
                    above = next((self.verb(program, *path[:n]) for n in range(len(path)) if self._has(program, path[:n], name)), None)
                    if above is None:
                        return f"{' '.join([program, *path])} has no option {name}"
                    takes_value = above.options[name]
                else:
                    takes_value = verb.options[name]
                given.add(name)
                if takes_value and not equals:
                    if not words and whole:
                        return f"{name} lacks its value"
                    value = words.pop(0) if words else ""
                if name in verb.choices and value and not PLACEHOLDER.match(value) and value not in verb.choices[name]:
                    return f"{name} takes {', '.join(verb.choices[name])}, and not {value}"
            elif verb.verbs:
                if word in verb.verbs:
                    path.append(word)
                    verb = self.verb(program, *path)
                elif whole or not PLACEHOLDER.match(word):
                    return f"{' '.join([program, *path])} has no verb {word}"
                else:
                    return None
            else:
                arguments.append(word)
        return self._lacks(verb, given, arguments) if whole else self._too_many(verb, arguments)

    def _has(self, program, words, option):
        return option in self.verb(program, *words).options

    def _too_many(self, verb, arguments):
        if not verb.arguments or not verb.arguments[-1][2]:
            if len(arguments) > len(verb.arguments):
                return f"{' '.join(verb.words)} takes no {arguments[len(verb.arguments)]}"
        return None

    def _lacks(self, verb, given, arguments):
        for option in verb.required:
            if option not in given:
                return f"lacks {option}"
        if verb.needs_verb and verb.words:
            return f"lacks a verb: {', '.join(verb.verbs)}"
        needed = [name for name, required, _ in verb.arguments if required]
        if len(arguments) < len(needed):
            return f"lacks {needed[len(arguments)]}"
        return self._too_many(verb, arguments)


def words_of(line):
    """Returns the words of a line of shell, with separators as words of their own, and without redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        words = line.split()
    kept, skip = [], False
    for word in words:
        if set(word) <= set("<>"):
            skip = True
        elif skip:
            skip = False
        else:
            kept.append(word)
    return kept


def typed_lines(text):
    """Returns the lines of a block that a user types: those behind a prompt where there are any, else all of them."""
    joined = [(number, line) for number, line in enumerate(text.split("\n"), 1)]
    lines = []
    for number, line in joined:
        if lines and lines[-1][1].endswith("\\"):
            lines[-1] = (lines[-1][0], lines[-1][1][:-1] + " " + line.strip())
        else:
            lines.append((number, line))
    prompt = re.compile(r"^(?:[A-Z]?\$|#) (?=(?:sudo )?(?:warp|ip|tools)[ /-])")
    prompted = [(number, prompt.sub("", line)) for number, line in lines if prompt.match(line)]
    return prompted or [(number, re.sub(r"^ExecStart=", "", line)) for number, line in lines]


def commands(text):
    """Returns the commands of a block that run one of our programs or scripts: (line, words)."""
    return [(number, command) for number, line in typed_lines(text) for command in split(words_of(line))]


def split(words):
    """Returns the commands among these words that run one of ours, each from the program on.

    A program of ours stands where a command begins, or behind a program that runs another one (sudo, setpriv, docker).
    """
    found, segment = [], []
    for word in [*words, ";"]:
        if word in SEPARATORS or set(word) <= set("|&;)"):
            if command := ours(segment):
                found.append(command)
            segment = []
        else:
            segment.append(word)
    return found


def ours(segment):
    """Returns the words of a command from our program on, or nothing where it runs none of ours."""
    while segment and re.match(r"^([A-Z_]+=.*|sudo|exec|\(+)$", segment[0]):
        segment = segment[1:]
    runs_others = bool(segment) and segment[0] in ("docker", "podman", "setpriv", "ip")
    for at, word in enumerate(segment):
        if os.path.basename(word) in PROGRAMS and re.match(r"^(/usr/s?bin/|build/\S*/)?[a-z-]+$", word):
            # What a program prints may begin with its name and version.
            if not re.match(r"^\d", " ".join(segment[at + 1 : at + 2])):
                return [os.path.basename(word), *segment[at + 1 :]]
        if re.match(r"^(tools|perf|tests)/[\w/.]+$", word):
            return [word.rstrip("/"), *segment[at + 1 :]]
        if not runs_others:
            break
    return []
