"""Usual slips, applied to the course's own solution of an exercise: each that changes an answer must be refused.

A mutant is the solution with one small change: another rounding, another comparison, an axis, a sign, a constant off by
one, a guard or a statement that is missing, two steps exchanged, an argument or the answer stored in fewer digits, an
argument ignored. A mutant that no case refuses is tried on several hundred valid inputs. Where it differs from the
solution on one of them, the exercise lacks a case. Where it never differs, it is the same function in another form.
"""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from labkit.exercises import framework
from labkit.exercises.framework import Exercise, judge
from labkit.lesson import parts, source

STEPS = 20_000  # of all loops of a mutant in one call
INPUTS = 250
MODULES = ("math", "numpy", "itertools", "heapq", "fractions", "functools", "collections")

Function = Callable[..., Any]
Answer = Callable[[Any], Any]


@dataclass
class Outcome:
    """What became of an exercise's mutants; *accepted* are those that give a wrong answer and pass."""

    refused: int = 0
    equivalent: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)


class TooManySteps(Exception):
    """A mutant's loop does not end."""


# The solution


@dataclass(frozen=True)
class Solution:
    """The code of one exercise's cell in the solved edition, and the names from the rest of the page that it uses."""

    tree: ast.Module
    name: str
    names: dict[str, Any]

    def function(self, tree: ast.Module | None = None) -> Function:
        """Return the function that *tree* (default: the solution's own) defines, its loops limited."""
        limited = _Limited().visit(copy.deepcopy(tree or self.tree))
        space = dict(self.names)
        counter = _Counter()
        space |= {"__tick__": counter.tick, "range": counter.range, "__times__": _times}
        exec(compile(ast.fix_missing_locations(limited), self.name, "exec"), space)
        written = space[self.name]

        def call(*arguments: Any) -> Any:
            counter.steps = 0
            return written(*arguments)

        return call

    @property
    def definition(self) -> ast.FunctionDef:
        """Return the definition of the function that the check is given."""
        return next(node for node in self.tree.body if isinstance(node, ast.FunctionDef) and node.name == self.name)


def solution(exercise: str) -> Solution:
    """Return the course's own solution of *exercise*, as the page has it."""
    lesson = source.find(exercise[:2])
    code = [ast.parse(parts.without_markers(cell.text)) for cell in lesson.cells if cell.kind == "code"]
    names: dict[str, Any] = {}
    for statement in [each for tree in code for each in tree.body]:
        if isinstance(statement, ast.Import | ast.ImportFrom) and _root(statement) in MODULES:
            exec(compile(ast.Module([statement], []), "page", "exec"), names)
    for tree in code:
        checks = [
            node for node in ast.walk(tree) if isinstance(node, ast.Call) and parts.dotted(node.func) == "lab.check"
        ]
        if any(ast.literal_eval(check.args[0]) == exercise for check in checks):
            written = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom)]
            return Solution(ast.Module(written, []), ast.unparse(checks[0].args[1]), names)
    raise LookupError(f"no cell of lesson {exercise[:2]} checks {exercise}")


def _root(statement: ast.Import | ast.ImportFrom) -> str:
    name = statement.module or "" if isinstance(statement, ast.ImportFrom) else statement.names[0].name
    return name.partition(".")[0]


class _Counter:
    def __init__(self) -> None:
        self.steps = 0

    def tick(self) -> None:
        self.steps += 1
        if self.steps > STEPS:
            raise TooManySteps

    def range(self, *ends: int) -> range:
        numbers = range(*ends)
        if len(numbers) > STEPS:
            raise TooManySteps
        return numbers


def _times(first: Any, second: Any) -> Any:
    if isinstance(first, list | str) or isinstance(second, list | str):
        raise TooManySteps  # a list many times over
    return first * second


class _Limited(ast.NodeTransformer):
    """Count the steps of every loop, and repeat no list."""

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult):
            return ast.Call(ast.Name("__times__", ast.Load()), [node.left, node.right], [])
        return node

    def _loop(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body.insert(0, ast.parse("__tick__()").body[0])
        return node

    visit_For = visit_While = _loop


# Mutants


def mutants(wide: Exercise, solved: Solution) -> Iterator[tuple[str, Function]]:
    """Yield every mutant of the solution with a description of its change.

    Changes of an argument or an answer that leave all valid inputs, the cases of *wide*, as they are, do not count.
    """
    seen = {ast.unparse(solved.tree)}
    for description, tree in _trees(solved):
        text = ast.unparse(tree)
        if text in seen:
            continue
        seen.add(text)
        try:
            yield description, solved.function(tree)
        except (SyntaxError, ValueError, TypeError):
            continue
    whole = solved.function()
    for name, change in ANSWERS.items():
        if _changes(change, wide.expected):
            yield f"answer: {name}", _then(whole, change)
    for k, parameter in enumerate(argument.arg for argument in solved.definition.args.args):
        values = [arguments[k] for _, arguments in wide.cases if len(arguments) > k]
        for name, change in ARGUMENTS.items():
            if _changes(change, values):
                yield f"{parameter}: {name}", _before(whole, k, change)


def ignoring(task: Exercise, solved: Solution) -> Iterator[tuple[str, Function]]:
    """Yield the solution with one argument fixed at its value in the first case, or in the second."""
    whole = solved.function()
    for k, parameter in enumerate(argument.arg for argument in solved.definition.args.args):
        for case in (0, 1):
            if len(task.cases[case][1]) > k:
                value = task.cases[case][1][k]
                yield (
                    f"{parameter}: always as in case {case}",
                    _before(whole, k, lambda _, value=value: copy.deepcopy(value)),
                )


def _changes(change: Answer, values: list[Any]) -> bool:
    """Return whether *change* makes another value, or one of another type, of any of *values*."""
    try:
        return any(not _identical(value, change(value)) for value in values)
    except ValueError:  # a list of lists is no array
        return False


def _identical(first: Any, second: Any) -> bool:
    if isinstance(first, tuple):
        return isinstance(second, tuple) and all(map(_identical, first, second))
    one, other = np.asarray(first), np.asarray(second)
    return one.shape == other.shape and one.dtype == other.dtype and bool(np.all((one == other) | (one != one)))


def _then(function: Function, change: Answer) -> Function:
    return lambda *arguments: change(function(*arguments))


def _before(function: Function, k: int, change: Answer) -> Function:
    return lambda *arguments: function(*arguments[:k], change(arguments[k]), *arguments[k + 1 :])


def _floats(change: Callable[[np.ndarray], Any]) -> Answer:
    """Apply *change* to every float in an answer, and to every array of floats."""

    def apply(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(apply, value))
        array = np.asarray(value)
        if array.dtype.kind != "f":
            return value
        changed = np.asarray(change(array))
        return changed if isinstance(value, np.ndarray) else changed.item() if changed.ndim == 0 else changed

    return apply


def _numbers(change: Callable[[np.ndarray], Any]) -> Answer:
    """Apply *change* to every number and array in an answer."""

    def apply(value: Any) -> Any:
        return tuple(map(apply, value)) if isinstance(value, tuple) else change(np.asarray(value))

    return apply


def _along(change: Callable[[np.ndarray], Any]) -> Answer:
    """Apply *change* to arrays and lists."""

    def apply(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(apply, value))
        return change(np.asarray(value)) if isinstance(value, np.ndarray | list) and np.ndim(value) else value

    return apply


ANSWERS: dict[str, Answer] = {
    "in float16": _floats(lambda array: array.astype(np.float16)),
    "rounded to two places": _floats(lambda array: np.round(array, 2)),
    "rounded to four places": _floats(lambda array: np.round(array, 4)),
    "cut to whole numbers": _floats(np.trunc),
    "in int16": _numbers(lambda array: array.astype(np.int16)),
    "in float64": _numbers(lambda array: array.astype(np.float64)),
    "without its sign": _numbers(lambda array: np.abs(array.astype(float)) if array.dtype.kind in "if" else array),
    "with the other sign": _numbers(lambda array: -array if array.dtype.kind in "if" else ~array),
    "one more": _numbers(lambda array: array + 1 if array.dtype.kind in "if" else array),
    "one less": _numbers(lambda array: array - 1 if array.dtype.kind in "if" else array),
    "never below zero": _numbers(lambda array: np.maximum(array, 0) if array.dtype.kind in "if" else array),
    "a hundred times": _numbers(lambda array: array * 100 if array.dtype.kind in "if" else array),
    "turned round": _along(lambda array: array[::-1]),
    "sorted": _along(lambda array: np.sort(array, axis=None).reshape(array.shape)),
    "transposed": _along(lambda array: array.T),
    "flat": _along(np.ravel),
    "first lost": _along(lambda array: array[1:]),
    "last lost": _along(lambda array: array[:-1]),
    "values exchanged": lambda value: value[::-1] if isinstance(value, tuple) else value,
    "first value alone": lambda value: value[0] if isinstance(value, tuple) else value,
}

ARGUMENTS: dict[str, Answer] = {
    "in float16": _floats(lambda array: array.astype(np.float16)),
    "in bfloat16's digits": _floats(lambda array: _bits(array, 8)),
    "rounded to two places": _floats(lambda array: np.round(array, 2)),
    "cut to whole numbers": _floats(np.trunc),
    "without its sign": _numbers(lambda array: np.abs(array) if array.dtype.kind in "if" else array),
    "with the other sign": _floats(np.negative),
    "turned round": _along(lambda array: array[::-1]),
    "sorted": _along(lambda array: np.sort(array, axis=None).reshape(array.shape)),
    "first lost": _along(lambda array: array[1:]),
    "last lost": _along(lambda array: array[:-1]),
    "transposed": _along(lambda array: array.T),
}


def _bits(array: np.ndarray, bits: int) -> np.ndarray:
    fraction, exponent = np.frexp(array)
    return np.ldexp(np.round(fraction * 2**bits) / 2**bits, exponent)


COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Gt: (ast.GtE, ast.Lt, ast.NotEq),
    ast.GtE: (ast.Gt, ast.LtE, ast.Eq),
    ast.Lt: (ast.LtE, ast.Gt, ast.NotEq),
    ast.LtE: (ast.Lt, ast.GtE, ast.Eq),
    ast.Eq: (ast.NotEq, ast.LtE, ast.GtE),
    ast.NotEq: (ast.Eq, ast.Gt, ast.Lt),
}
OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mod),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.MatMult: (ast.Mult,),
}
NAMES = {  # a function and those that are taken for it
    "round": ("int", "np.floor", "np.ceil"),
    "int": ("round", "np.ceil"),
    "math.ceil": ("round", "int", "np.floor"),
    "math.floor": ("round", "int", "np.ceil"),
    "np.round": ("np.floor", "np.ceil", "np.trunc"),
    "np.rint": ("np.floor", "np.ceil", "np.trunc"),
    "np.floor": ("np.round", "np.ceil", "np.trunc"),
    "np.ceil": ("np.round", "np.floor", "np.trunc"),
    "np.trunc": ("np.round", "np.floor"),
    "min": ("max", "sum"),
    "max": ("min", "sum"),
    "sum": ("max", "min"),
    "np.minimum": ("np.maximum",),
    "np.maximum": ("np.minimum",),
    "np.min": ("np.max",),
    "np.max": ("np.min", "np.mean", "np.ptp"),
    "np.sum": ("np.mean", "np.max"),
    "np.mean": ("np.median", "np.sum", "np.max"),
    "np.median": ("np.mean", "np.max", "np.min"),
    "np.argmax": ("np.argmin",),
    "np.argmin": ("np.argmax",),
    "np.log2": ("np.log", "np.log10"),
    "np.log10": ("np.log", "np.log2"),
    "np.arcsin": ("np.sin", "np.arccos"),
    "np.zeros": ("np.ones",),
    "np.ones": ("np.zeros",),
    "np.vstack": ("np.hstack",),
    "np.count_nonzero": ("np.size",),
    "np.flatnonzero": ("np.ravel",),
    "np.copysign": ("np.multiply",),
}
METHODS = {
    "min": ("max",),
    "max": ("min",),
    "sum": ("mean", "max"),
    "mean": ("sum", "max"),
    "any": ("all", "sum"),
    "all": ("any",),
    "argmin": ("argmax",),
    "argmax": ("argmin",),
}


def _trees(solved: Solution) -> Iterator[tuple[str, ast.Module]]:
    definition = solved.definition
    skipped = {id(node) for each in _signature(definition) for node in ast.walk(each)}
    for node in ast.walk(definition):
        if id(node) in skipped or node is definition:
            continue
        for new in _replacements(node):
            shown = "nothing" if isinstance(new, ast.Pass) else _shown(new)
            yield f"line {getattr(node, 'lineno', 0)}: {_shown(node)} → {shown}", _replaced(solved.tree, node, new)
    yield from _exchanged_statements(solved.tree, definition)


def _signature(definition: ast.FunctionDef) -> list[ast.AST]:
    docstring = definition.body[:1] if ast.get_docstring(definition) else []
    annotations = [each.annotation for each in ast.walk(definition) if isinstance(each, ast.AnnAssign)]
    returns = [definition.returns] if definition.returns else []
    imports = [each for each in ast.walk(definition) if isinstance(each, ast.Import | ast.ImportFrom)]
    return [definition.args, *returns, *docstring, *annotations, *imports]


def _shown(node: Any) -> str:
    nodes = node if isinstance(node, list) else [node]
    return "; ".join(" ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(each))).split()) for each in nodes)[
        :90
    ]


def _replaced(tree: ast.Module, node: ast.AST, new: Any) -> ast.Module:
    memo: dict[int, Any] = {}
    changed = copy.deepcopy(tree, memo)
    return ast.fix_missing_locations(_Replace(memo[id(node)], copy.deepcopy(new)).visit(changed))


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, new: Any) -> None:
        self.target, self.new = target, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.target else self.generic_visit(node)


def _exchanged_statements(tree: ast.Module, definition: ast.FunctionDef) -> Iterator[tuple[str, ast.Module]]:
    for node in ast.walk(definition):
        for name in ("body", "orelse"):
            statements = getattr(node, name, None)
            if not isinstance(statements, list):
                continue
            for k in range(len(statements) - 1):
                memo: dict[int, Any] = {}
                changed = copy.deepcopy(tree, memo)
                block = getattr(memo[id(node)], name)
                block[k], block[k + 1] = block[k + 1], block[k]
                yield f"line {statements[k].lineno}: exchanged with the next", changed


def _replacements(node: ast.AST) -> Iterator[Any]:
    kind = type(node).__name__
    yield from getattr(_Slips, kind.lower(), lambda _: ())(node)
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.For | ast.While):
        yield ast.Pass()


class _Slips:
    """What is written in place of a node, by its kind."""

    @staticmethod
    def compare(node: ast.Compare) -> Iterator[Any]:
        for k, operator in enumerate(node.ops):
            for other in COMPARISONS.get(type(operator), ()):
                yield ast.Compare(node.left, [*node.ops[:k], other(), *node.ops[k + 1 :]], node.comparators)

    @staticmethod
    def binop(node: ast.BinOp) -> Iterator[Any]:
        for other in OPERATORS.get(type(node.op), ()):
            yield ast.BinOp(node.left, other(), node.right)
        if isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Pow | ast.MatMult):
            yield ast.BinOp(node.right, node.op, node.left)
        yield node.left
        yield node.right

    @staticmethod
    def unaryop(node: ast.UnaryOp) -> Iterator[Any]:
        yield node.operand

    @staticmethod
    def boolop(node: ast.BoolOp) -> Iterator[Any]:
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
        yield from node.values

    @staticmethod
    def constant(node: ast.Constant) -> Iterator[Any]:
        value = node.value
        if isinstance(value, bool):
            yield ast.Constant(not value)
        elif isinstance(value, int):
            yield ast.Constant(value + 1)
            yield ast.UnaryOp(ast.USub(), ast.Constant(1)) if value == 0 else ast.Constant(value - 1)
        elif isinstance(value, float):
            yield ast.Constant(value * 1.01 if value else 1.0)
            yield ast.Constant(value / 2 if value else 0.5)
        elif value in ("float64", "float32", "int8", "inf"):
            yield ast.Constant({"float64": "float16", "float32": "float16", "int8": "int16", "inf": "nan"}[value])

    @staticmethod
    def ifexp(node: ast.IfExp) -> Iterator[Any]:
        yield node.body
        yield node.orelse
        yield ast.IfExp(node.test, node.orelse, node.body)

    @staticmethod
    def _if(node: ast.If) -> Iterator[Any]:
        yield list(node.body)
        yield list(node.orelse) or ast.Pass()
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        if node.orelse:
            yield ast.If(node.test, node.body, [])

    @staticmethod
    def _while(node: ast.While) -> Iterator[Any]:
        yield ast.If(node.test, node.body, [])

    @staticmethod
    def augassign(node: ast.AugAssign) -> Iterator[Any]:
        for other in OPERATORS.get(type(node.op), ()):
            yield ast.AugAssign(node.target, other(), node.value)
        yield ast.Assign([node.target], node.value)

    @staticmethod
    def subscript(node: ast.Subscript) -> Iterator[Any]:
        if isinstance(node.ctx, ast.Load):
            yield node.value

    @staticmethod
    def slice(node: ast.Slice) -> Iterator[Any]:
        for name in ("lower", "upper"):
            end = getattr(node, name)
            if end is not None:
                ends = {"lower": node.lower, "upper": node.upper}
                yield ast.Slice(**(ends | {name: None}), step=node.step)
                for step in (ast.Add(), ast.Sub()):
                    yield ast.Slice(**(ends | {name: ast.BinOp(end, step, ast.Constant(1))}), step=node.step)

    @staticmethod
    def tuple(node: ast.Tuple) -> Iterator[Any]:
        if isinstance(node.ctx, ast.Load) and len(node.elts) == 2:
            yield ast.Tuple(node.elts[::-1], node.ctx)

    @staticmethod
    def comprehension(node: ast.comprehension) -> Iterator[Any]:
        for k in range(len(node.ifs)):
            yield ast.comprehension(node.target, node.iter, node.ifs[:k] + node.ifs[k + 1 :], 0)

    @staticmethod
    def call(node: ast.Call) -> Iterator[Any]:
        name = parts.dotted(node.func)
        for other in NAMES.get(name, ()):
            yield ast.Call(ast.parse(other, mode="eval").body, node.args, node.keywords)
        if isinstance(node.func, ast.Attribute) and not name.startswith(("np.", "math.", "heapq.")):
            for other in METHODS.get(node.func.attr, ()):
                yield ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords)
            yield node.func.value  # the method forgotten
        if name == "range":
            yield from _other_ends(node)
        if node.args and name != "range":
            yield node.args[0]  # the function forgotten
            yield ast.Call(node.func, [ast.UnaryOp(ast.USub(), node.args[0]), *node.args[1:]], node.keywords)
        if len(node.args) >= 2:
            yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
        for keyword in node.keywords:
            yield ast.Call(node.func, node.args, [each for each in node.keywords if each is not keyword])


setattr(_Slips, "if", _Slips._if)
setattr(_Slips, "while", _Slips._while)


def _other_ends(node: ast.Call) -> Iterator[Any]:
    one = ast.Constant(1)
    if len(node.args) == 1:
        yield ast.Call(node.func, [one, node.args[0]], [])
    for k, end in enumerate(node.args[:2]):
        for step in (ast.Add(), ast.Sub()):
            yield ast.Call(node.func, [*node.args[:k], ast.BinOp(end, step, one), *node.args[k + 1 :]], [])


# Judging them


def try_all(task: Exercise, draw: Callable[[np.random.Generator], tuple[Any, ...]], seed: int = 7) -> Outcome:
    """Judge every mutant of *task*; *draw* returns the arguments of one valid input."""
    solved = solution(task.id)
    rng = np.random.default_rng(seed)
    cases = [(str(k), draw(rng)) for k in range(INPUTS)]
    wide = Exercise(task.id, solved.function(), [], cases, task.dtype, task.signed_zero)
    outcome = Outcome()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for description, mutant in chain(mutants(wide, solved), ignoring(task, solved)):
            if not judge(task, mutant).passed:
                outcome.refused += 1
            elif (different := first_difference(wide, mutant)) is None:
                outcome.equivalent.append(description)
            else:
                outcome.accepted.append(f"{description}, for example " + " ".join(repr(different).split())[:200])
    return outcome


def first_difference(wide: Exercise, attempt: Function) -> tuple[Any, ...] | None:
    """Return the first of the inputs in *wide* on which *attempt* gives another answer than the reference."""
    for (_, arguments), want in zip(wide.cases, wide.expected, strict=True):
        if not framework._equal(wide, want, framework._call(attempt, arguments)):
            return arguments
    return None
