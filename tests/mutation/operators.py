"""Mutants of a module: its syntax tree with one small mistake in it, as people make them."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Mutant", "mutants_of"]

ARITHMETIC: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
COMPARISON: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


class Mutant(NamedTuple):
    """A module with one mistake: its place, the code there and of the whole line, and the code of the mistake."""

    module: str
    line: int
    column: int
    code: str
    before: str
    after: str
    source: str
    node: int
    change: int

    def tree(self) -> ast.Module:
        """Return the syntax tree of the module with the mistake."""
        tree = ast.parse(self.source)
        old = _node(tree, self.node)
        new = list(_changes(old))[self.change](old)
        mutated = _Replace(old, new).visit(tree)
        assert isinstance(mutated, ast.Module)
        return ast.fix_missing_locations(mutated)


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Yield all mutants of a module.

    >>> [mutant.after for mutant in mutants_of("m", "def f(a):\\n    return a < 2")]
    ['return None', 'a <= 2', '3', '1']
    """
    tree, lines = ast.parse(source), source.splitlines()
    left_out = set(map(id, _left_out(tree)))
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in left_out:
            for index, change in enumerate(_changes(node)):
                before, after = ast.unparse(node), ast.unparse(change(node))
                line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
                code = lines[line - 1].strip()
                yield Mutant(module, line, column + 1, code, before, after, source, number, index)


def _node(tree: ast.Module, number: int) -> ast.AST:
    return next(node for index, node in enumerate(ast.walk(tree)) if index == number)


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self.old:
            return self.generic_visit(node)
        return ast.copy_location(self.new, self.old) if "lineno" in self.old._attributes else self.new


def _left_out(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that are not mutated: annotations, messages, docstrings, and what only the type checker reads."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
            parts = [node.returns, *node.decorator_list, *(argument.annotation for argument in arguments)]
        elif isinstance(node, ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.Raise):
            parts = [node.exc, node.cause]
        elif isinstance(node, ast.JoinedStr | ast.Assert | ast.Import | ast.ImportFrom) or _is_without_effect(node):
            parts = [node]
        yield from (each for part in parts if part is not None for each in ast.walk(part))


def _is_without_effect(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING")) | ast.Assign(targets=[ast.Name("__all__")]):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
    return False


def _changes(node: ast.AST) -> Iterator[Callable[[ast.AST], ast.AST]]:
    match node:
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            yield lambda own: _with(own, "op", ARITHMETIC[type(op)]())
        case ast.Compare(ops=[op]):
            yield lambda own: _with(own, "ops", [COMPARISON[type(op)]()])
        case ast.BoolOp(op=op):
            yield lambda own: _with(own, "op", ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not()):
            yield lambda own: _part(own, "operand")
        case ast.Constant(value=bool() as value):
            yield lambda own: ast.Constant(not value)
        case ast.Constant(value=int()):
            yield lambda own: _shifted(own, 1)
            yield lambda own: _shifted(own, -1)
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            yield lambda own: ast.Return(ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.Continue() | ast.Break() | ast.AugAssign():
            yield lambda own: ast.Pass()
        case ast.Call(args=[first, second, *_]) if not _is_symmetric(node.func, first, second):
            yield _swapped
        case ast.IfExp() | ast.If():
            yield lambda own: _with(own, "test", ast.UnaryOp(ast.Not(), _part(own, "test")))


def _is_symmetric(function: ast.expr, *arguments: ast.expr) -> bool:
    """Return whether the order of two arguments does not matter, or cannot be changed."""
    name = ast.unparse(function).rpartition(".")[2]
    return name in ("min", "max", "transpose") or any(isinstance(each, ast.Starred) for each in arguments)


def _shifted(node: ast.AST, by: int) -> ast.AST:
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, int)
    return ast.Constant(node.value + by)


def _with(node: ast.AST, field: str, value: object) -> ast.AST:
    new = copy.copy(node)
    setattr(new, field, value)
    return new


def _part(node: ast.AST, field: str) -> ast.expr:
    part = getattr(node, field)
    assert isinstance(part, ast.expr)
    return part


def _swapped(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Call)
    first, second, *others = node.args
    return ast.Call(node.func, [second, first, *others], node.keywords)
