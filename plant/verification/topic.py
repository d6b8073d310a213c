"""Tables of a verification as data: columns, rows, a verdict for each row that has a criterion."""

from dataclasses import dataclass

from operator_agent.errors import InputError

Cell = str | float | tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: with the unit, as the head shows it.
        form: format specification of numbers (`.2f`); two numbers in a cell are shown as `a / b`.
    """

    name: str
    form: str = ".2f"

    def shown(self, cell: Cell) -> str:
        """Return a cell as text; a missing value is a dash."""
        if cell is None:
            return "-"
        if isinstance(cell, str):
            return cell
        values = cell if isinstance(cell, tuple) else (cell,)
        return " / ".join(self._number(value) for value in values)

    def _number(self, value: float) -> str:
        text = format(value, self.form)
        return text if not text.startswith("-") or text.strip("-0.") else text[1:]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        cells: one for each column.
        met: whether the row meets its criterion; None where it has none.
    """

    cells: tuple[Cell, ...]
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """One table with what a reader must know of it.

    Attributes:
        key: by which the topic is asked for; several tables may share it.
        title: heading.
        columns: of the table.
        rows: of the table.
        notes: sentences below the table: criterion, sources, what was found.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the columns.

        Raises:
            InputError: a row has more or fewer cells than there are columns.
        """
        for number, row in enumerate(self.rows, 1):
            if len(row.cells) != len(self.columns):
                raise InputError(
                    f"table '{self.title}': row {number} has {len(row.cells)} cells for "
                    f"{len(self.columns)} columns"
                )

    @property
    def has_criterion(self) -> bool:
        """Whether any row is judged."""
        return any(row.met is not None for row in self.rows)

    @property
    def missed(self) -> tuple[Row, ...]:
        """Rows that miss their criterion."""
        return tuple(row for row in self.rows if row.met is False)


@dataclass(frozen=True, slots=True)
class Verification:
    """All tables of one run.

    Attributes:
        unit: name of the unit that was verified.
        topics: in their order.
    """

    unit: str
    topics: tuple[Topic, ...]

    @property
    def missed(self) -> tuple[tuple[Topic, Row], ...]:
        """All rows that miss their criterion, each with its table."""
        return tuple((topic, row) for topic in self.topics for row in topic.missed)

    def of(self, key: str) -> tuple[Topic, ...]:
        """Return the tables of one key.

        Raises:
            InputError: there are none.
        """
        found = tuple(topic for topic in self.topics if topic.key == key)
        if not found:
            known = ", ".join(dict.fromkeys(topic.key for topic in self.topics))
            raise InputError(f"no tables of '{key}' were made; there are: {known}")
        return found
