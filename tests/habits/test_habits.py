"""The house rules that no ready-made tool checks. Each is a small check with a breach that it must notice."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "chimera"
PACKAGES = ROOT / "packages"
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

SQL = re.compile(
    r"\b(SELECT\s|INSERT INTO\s|UPDATE\s+\S+\s+SET\s|DELETE FROM\s|TRUNCATE\s|LISTEN\s|NOTIFY\s"
    r"|GRANT\s|REVOKE\s|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|DATABASE|ROLE|FUNCTION|TRIGGER|VIEW|SCHEMA|EXTENSION|POLICY)\b)"
)
PROMPT = re.compile(r"\b([Yy]ou are (a|an|the)\b|Your (task|job|role) is\b|[Yy]ou (write|judge|plan) (a|an|the|one)\b)")
MONEY_CLASS = re.compile(
    r"Money|Amount|Budget|Limit|Spend|Cost|Price|Ledger|Transaction|Authorization|Treasury|Counter"
)
MONEY_MODULE = re.compile(r"^money/|^roles/cfo\.py$")
MONEY_COLUMN = re.compile(r"\b(?:\w*amount|reserved|spent|\w*price|\w*cost|balance) ((?:double|float|real|money)\w*)")
CLOCK = re.compile(r"(time\.)?(perf_counter|monotonic)(_ns)?|time\.time(_ns)?|(\w*loop|.*get_running_loop\(\))\.time")
BY_NAME = {"__import__", "import_module", "importlib.import_module"}
REGISTRY = re.compile(
    r"(pypi|pythonhosted|npmjs|crates|rubygems|nuget)\.(org|com|io)\b|proxy\.golang\.|mirror[.\w]*/simple\b",
    re.I,
)
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(root|home|work|farm|Users|opt/(wheels|pypi[\w-]*))/\w")

ROOMS_WITH_SQL = (
    *("accounts", "audit", "campaigns", "database", "fleet", "memory", "money"),
    *("personas", "provenance", "publishing", "review", "tasks"),
)

Breaches = Iterator[tuple[int, str]]


@dataclass(frozen=True)
class Source:
    """A Python file, with its path below the folder that a rule is about."""

    path: str
    text: str

    @cached_property
    def walked(self) -> list[tuple[ast.AST, bool]]:
        """Every node, and whether it is inside a function or a class: one walk for all the rules."""
        found, open_nodes = [], [(ast.parse(self.text, self.path), False)]
        while open_nodes:
            node, inside = open_nodes.pop()
            found.append((node, inside))
            inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)
            open_nodes += [(child, inside) for child in ast.iter_child_nodes(node)]
        return found

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return [node for node, _ in self.walked]

    @cached_property
    def calls(self) -> dict[ast.Call, str]:
        """What each call calls, in dots."""
        return {node: ast.unparse(node.func) for node in self.nodes if isinstance(node, ast.Call)}

    def called(self, node: ast.AST) -> str:
        """What a call calls; empty for anything else."""
        return self.calls.get(node, "") if isinstance(node, ast.Call) else ""


@cache
def sources(folder: Path) -> list[Source]:
    return [
        Source(path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))
    ]


def places(folder: Path) -> list[Path]:
    """Where a folder's rules hold: a package has its source and its tests beside each other."""
    if folder == PACKAGES:
        return sorted(PACKAGES.glob("*/src"))
    return [folder, *sorted(PACKAGES.glob("*/tests"))] if folder == ROOT / "tests" else [folder]


def files() -> list[Path]:
    """What belongs to the repository: what git knows or would take in; without git, what is not hidden."""
    listing = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(listing, capture_output=True, text=True, check=False)
    if told.returncode == 0:
        found = [ROOT / name for name in told.stdout.split("\0") if name]
    else:
        hidden = re.compile(r"/(\.(?!ci/|github/|editorconfig|gitignore)|__pycache__)")
        found = [path for path in ROOT.rglob("*") if not hidden.search(f"/{path.relative_to(ROOT).as_posix()}")]
    return [path for path in found if path.is_file()]


def _literals(source: Source) -> Iterator[tuple[int, str]]:
    """The strings of a file that are values, without the ones that explain."""
    explaining = {
        id(node.value) for node in source.nodes if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explaining:
            yield node.lineno, node.value


def sql_in_python(source: Source) -> Breaches:
    for line, text in _literals(source):
        if SQL.search(text):
            yield line, f"SQL outside the .sql files: {text.strip()[:50]!r}"


def prompts_in_python(source: Source) -> Breaches:
    for line, text in _literals(source):
        if PROMPT.search(text):
            yield line, f"a prompt outside roles/prompts: {text.strip()[:50]!r}"


def imports_inside(source: Source) -> Breaches:
    """An import inside a function costs a reader; a process pays for one that stands at the top and is not used. So
    factories in wiring may import what they make, and the loader of commands the one that is called."""
    if source.path.startswith("wiring/"):
        return
    for node, inside in source.walked:
        by_name = source.called(node) in BY_NAME
        statement = isinstance(node, ast.Import | ast.ImportFrom)
        if inside and (statement or (by_name and source.path != "cli/main.py")):
            yield node.lineno, "an import that is not at the top"


def imports_deep(source: Source) -> Breaches:
    for node, inside in source.walked:
        if inside and (source.called(node) in BY_NAME or isinstance(node, ast.Import | ast.ImportFrom)):
            yield node.lineno, "an import that is not at the top"


def imports_hidden(source: Source) -> Breaches:
    if source.path in {"cli/main.py", "wiring/__init__.py"}:
        return  # they load by a name of their own, and no library
    for node, called in source.calls.items():
        if called in BY_NAME:
            yield node.lineno, "an import that no check sees; `stubs/` has the types that a library lacks"


def too_long(source: Source) -> Breaches:
    lines = len(source.text.splitlines())
    if lines > LONGEST_FILE:
        yield 1, f"{lines} lines"
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name}: {lines} lines"


def untyped(source: Source) -> Breaches:
    for node in source.nodes:
        if (isinstance(node, ast.Name) and node.id == "Any") or (
            isinstance(node, ast.Attribute) and node.attr == "Any"
        ):
            yield node.lineno, "Any"
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"#\s*(type:\s*ignore|mypy:|pyright:)", line):
            yield number, "a type checker that is told to look away"


def catches_all(source: Source) -> Breaches:
    if source.path == "roles/consumer.py" or source.path.startswith(("api/", "board/", "cli/")):
        return
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "everything"
            if re.search(r"\b(Exception|BaseException|everything)\b", caught):
                yield node.lineno, f"except {caught}"


def swallows(source: Source) -> Breaches:
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and all(
            isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            for part in node.body
        ):
            yield node.lineno, "an exception passed over; contextlib.suppress says it"


def floating_money(source: Source) -> Breaches:
    classes = (node for node in source.nodes if isinstance(node, ast.ClassDef) and MONEY_CLASS.search(node.name))
    areas = [source.nodes] if MONEY_MODULE.match(source.path) else map(ast.walk, classes)
    for area in areas:
        for node in area:
            if isinstance(node, ast.Constant) and isinstance(node.value, float):
                yield node.lineno, f"a float near money: {node.value}"
            kinds = [node.annotation] if isinstance(node, ast.AnnAssign | ast.arg) else []
            kinds += [node.returns] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
            typed = (ast.unparse(kind) for kind in kinds if kind is not None)
            if source.called(node) == "float" or any(re.search(r"\b(float|Score)\b", kind) for kind in typed):
                yield node.lineno, "a float near money"


def prints(source: Source) -> Breaches:
    if source.path.startswith("cli/") or re.search(r"/(commands(/\w+)?|__main__)\.py$", source.path):
        return
    for node, called in source.calls.items():
        if called == "print":
            yield node.lineno, "print"


def sleeps(source: Source) -> Breaches:
    for node, called in source.calls.items():
        if re.fullmatch(r"((asyncio|time|anyio)\.)?sleep", called) and ast.unparse(node) != f"{called}(0)":
            yield node.lineno, "a test that sleeps; wait for what it waits for"


def skips_silently(source: Source) -> Breaches:
    for node in source.nodes:
        for mark in getattr(node, "decorator_list", []):
            if re.fullmatch(r"pytest\.mark\.(skip|skipif|xfail)(\(\))?", ast.unparse(mark)):
                yield mark.lineno, "a skipped test without a reason"
        if re.fullmatch(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)", called := source.called(node)):
            assert isinstance(node, ast.Call)
            told = any(word.arg == "reason" and ast.unparse(word.value) not in {"''", "None"} for word in node.keywords)
            if not told and not (node.args and called in {"pytest.skip", "pytest.xfail", "pytest.mark.skip"}):
                yield node.lineno, "a skipped test without a reason"


def asserts_the_time(source: Source) -> Breaches:
    """Asks an assertion a clock, itself or through a name that its function took from one?"""

    def told(node: ast.AST, names: set[str]) -> bool:
        parts = list(ast.walk(node))
        read = any(CLOCK.fullmatch(source.called(part)) for part in parts)
        return read or any(isinstance(part, ast.Name) and part.id in names for part in parts)

    for scope in source.nodes:
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = sorted((node for node in ast.walk(scope) if hasattr(node, "lineno")), key=lambda node: node.lineno)
            names: set[str] = set()
            for node in inner:
                if isinstance(node, ast.Assign) and told(node.value, names):
                    targets = (part for target in node.targets for part in ast.walk(target))
                    names |= {part.id for part in targets if isinstance(part, ast.Name)}
                if isinstance(node, ast.Assert) and told(node.test, names):
                    yield node.lineno, "an assertion about the time that something took; say what must be ordered"


@dataclass(frozen=True)
class Rule:
    """A check, and the shortest code that breaks it."""

    check: Callable[[Source], Breaches]
    breach: str
    path: str = "tasks/x.py"
    folder: Path = PACKAGE


RULES = [
    Rule(sql_in_python, "query = 'SELECT 1'"),
    Rule(sql_in_python, "query = f'UPDATE task SET {column} = 1'"),
    Rule(prompts_in_python, "text = 'You are a helpful writer.'"),
    Rule(imports_inside, "def f():\n    import json"),
    Rule(imports_hidden, "parse = import_module('json').loads"),
    Rule(imports_hidden, "def f():\n    return importlib.import_module('json')"),
    Rule(imports_inside, "def f():\n    return import_module('json')"),
    Rule(imports_inside, "def f():\n    import json", path="cli/main.py"),
    Rule(imports_inside, "def f():\n    return import_module('json')", path="cli/client.py"),
    Rule(too_long, "x = 1\n" * (LONGEST_FILE + 1)),
    Rule(too_long, "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION),
    Rule(untyped, "x: dict[str, Any] = {}"),
    Rule(untyped, "x: typing.Any = 1"),
    Rule(untyped, "x = 1  # type:" + " ignore[attr-defined]"),
    Rule(catches_all, "try:\n    f()\nexcept Exception:\n    raise"),
    Rule(catches_all, "try:\n    f()\nexcept (ValueError, BaseException):\n    raise"),
    Rule(catches_all, "try:\n    f()\nexcept:\n    raise"),
    Rule(swallows, "try:\n    f()\nexcept ValueError:\n    pass"),
    Rule(floating_money, "share = 0.1", path="money/rules/budget.py"),
    Rule(floating_money, "def f(amount: float | None): ...", path="money/service/treasury.py"),
    Rule(floating_money, "class Cost:\n    amount: float"),
    Rule(floating_money, "class Money:\n    def f(self):\n        return float(self.amount)"),
    Rule(prints, "print('hello')"),
    *(
        Rule(check, breach, folder=PACKAGES)
        for check, breach in (
            (imports_deep, "def f():\n    import json"),
            (too_long, "x = 1\n" * (LONGEST_FILE + 1)),
            (untyped, "x: typing.Any = 1"),
            (catches_all, "try:\n    f()\nexcept Exception:\n    raise"),
            (swallows, "try:\n    f()\nexcept ValueError:\n    pass"),
            (prints, "print('hello')"),
        )
    ),
    Rule(too_long, "x = 1\n" * (LONGEST_FILE + 1), folder=ROOT / "tests"),
    Rule(too_long, "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION, folder=ROOT / "tests"),
    Rule(imports_deep, "def f():\n    import json", folder=ROOT / "tests"),
    Rule(sleeps, "await asyncio.sleep(0.1)", folder=ROOT / "tests"),
    Rule(sleeps, "time.sleep(1)", folder=ROOT / "tests"),
    Rule(asserts_the_time, "def f():\n    assert time.time() < bound", folder=ROOT / "tests"),
    Rule(
        asserts_the_time,
        "def f():\n    a = monotonic()\n    b = monotonic() - a\n    assert b < 2",
        folder=ROOT / "tests",
    ),
    Rule(skips_silently, "@pytest.mark.skip\ndef test_x(): ...", folder=ROOT / "tests"),
    Rule(skips_silently, "@pytest.mark.skipif(True)\ndef test_x(): ...", folder=ROOT / "tests"),
    Rule(skips_silently, "def test_x():\n    pytest.skip()", folder=ROOT / "tests"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.check.__name__}-{rule.breach.split(chr(10))[0][:40]}")
def test_a_breach_is_noticed(rule: Rule) -> None:
    assert list(rule.check(Source(rule.path, rule.breach)))


KEPT = sorted({(rule.check, rule.folder) for rule in RULES}, key=lambda pair: (pair[1], pair[0].__name__))


@pytest.mark.parametrize(("check", "folder"), KEPT, ids=[f"{folder.name}-{check.__name__}" for check, folder in KEPT])
def test_the_rule_is_kept(check: Callable[[Source], Breaches], folder: Path) -> None:
    found = [
        f"{(place / source.path).relative_to(ROOT)}:{line}: {what}"
        for place in places(folder)
        for source in sources(place)
        for line, what in check(source)
    ]
    assert not found, "\n".join(found)


def test_money_columns_are_exact() -> None:
    assert MONEY_COLUMN.search("    token_amount double precision NOT NULL")
    scripts = [*PACKAGE.rglob("*.sql")]
    assert scripts
    assert not [path.name for path in scripts if MONEY_COLUMN.search(path.read_text("utf-8"))]


def test_sql_and_prompts_are_where_they_belong() -> None:
    places = {
        ".sql": ROOMS_WITH_SQL,
        ".md": ("roles/prompts",),
        ".lua": ("redis/scripts",),
    }
    found = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix in places]
    assert found
    assert not [str(path) for path in found if not any(path.is_relative_to(place) for place in places[path.suffix])]


@pytest.mark.parametrize("pattern", [REGISTRY, MACHINE_PATH], ids=["registry", "machine path"])
def test_no_file_names_a_registry_or_a_path_of_one_machine(pattern: re.Pattern[str]) -> None:
    breaches = ["https://pypi" + ".org/simple", "see /home" + "/ada/chimera"]
    assert any(pattern.search(breach) for breach in breaches)
    named = []
    for path in files():
        lines = path.read_bytes().decode("utf-8", "ignore").splitlines()
        named += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
            for number, line in enumerate(lines, 1)
            if pattern.search(line)
        ]
    assert not named, "\n".join(named)


LOCKS = sorted(
    {ROOT / "requirements.lock", ROOT / "requirements-dev.lock", *(p for p in files() if p.suffix == ".lock")}
)


@pytest.mark.parametrize("path", LOCKS, ids=[path.relative_to(ROOT).as_posix() for path in LOCKS])
def test_a_lock_file_holds_versions_and_hashes_only(path: Path) -> None:
    line = re.compile(r"[A-Za-z0-9._-]+==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    text = path.read_text("utf-8")
    assert not [found for found in text.splitlines() if not line.fullmatch(found)]
    packages = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)


def test_the_benchmarks_run_chimera_on_the_packages_it_is_locked_to() -> None:
    pins = re.compile(r"^\S+==\S+", re.MULTILINE)
    ours, benches = (
        set(pins.findall((ROOT / path).read_text("utf-8"))) for path in ("requirements.lock", "bench/requirements.lock")
    )
    assert ours
    assert not ours - benches, "run 'make lock'"
