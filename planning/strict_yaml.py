"""YAML without silent losses: a key that stands twice in a mapping is refused, not overwritten."""

from typing import Any

import yaml


def load_strictly(text: str) -> Any:
    """Return the plain values of a YAML text.

    Raises:
        yaml.YAMLError: it is no YAML, or a mapping holds a key twice; the message names the line.

    Example:
        >>> load_strictly("price: 60 usd/bbl")
        {'price': '60 usd/bbl'}
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        _refuse_doubles(node)
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_doubles(root: Any) -> None:
    waiting, known = [root], set[int]()  # an alias leads to a node that is known already
    while waiting:
        node = waiting.pop()
        if id(node) in known:
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if isinstance(node, yaml.MappingNode):
            _refuse_double_keys(node)
            waiting += [value for _, value in node.value]


def _refuse_double_keys(mapping: Any) -> None:
    seen = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f"key '{key.value}' stands twice in one mapping; rename or remove one",
                problem_mark=key.start_mark,
            )
        seen.add(key.value)
