"""Python code as a syntax tree, and what a cell of it assigns."""

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()


def tree(code: str | bytes) -> ast.Module:
    """The syntax tree of some code; one thread at a time, as Python 3.11 counts the depth of all threads' trees in one
    number. Raises SyntaxError."""
    with _ONE_AT_A_TIME:
        return ast.parse(code)


def assignments(code: str) -> dict[str, str]:
    """The names that some code sets at its top level -> the expression each is set to. Raises SyntaxError."""
    found: dict[str, str] = {}
    for node in tree(code).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: ast.unparse(node.value) for target in targets if isinstance(target, ast.Name)}
    return found
