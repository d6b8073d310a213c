"""The C interface by which CasADi loads a compiled function: sizes, sparsities and work space.

See CasADi's documentation, section "Using the generated code"; all arguments and results are dense.
"""

from dataclasses import dataclass

WHOLE_GROUP = "LANES"


@dataclass(frozen=True, slots=True)
class External:
    """A C function `{name}_body(arg, res, memory)` offered to CasADi under its name.

    Attributes:
        name: of the external function.
        inputs: C expressions of rows and columns of each argument.
        outputs: the same of each result.
        work: C expression of the vectors of work space that it needs.
    """

    name: str
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    work: str

    def source(self) -> str:
        """Return the C source of the interface."""
        name = self.name
        return f"""
{_sparsities(f"{name}_sparsity_in", self.inputs)}
{_sparsities(f"{name}_sparsity_out", self.outputs)}
long long {name}_n_in(void) {{ return {len(self.inputs)}; }}
long long {name}_n_out(void) {{ return {len(self.outputs)}; }}
int {name}_work(long long *n_arg, long long *n_res, long long *n_iw, long long *n_w) {{
  *n_arg = {len(self.inputs)}, *n_res = {len(self.outputs)}, *n_iw = 0;
  *n_w = LANES * (long long)({self.work} + 1);
  return 0;
}}
int {name}(const double **arg, double **res, long long *iw, double *w, int mem) {{
  (void)iw, (void)mem;
  for (int i = 0; i < {len(self.inputs)}; i++) if (!arg[i]) return 1;
  for (int i = 0; i < {len(self.outputs)}; i++) if (!res[i]) return 1;
  return {name}_body(arg, res, w);
}}
"""


def _sparsities(name: str, sizes: tuple[tuple[str, str], ...]) -> str:
    dense = ", ".join(f"{{{rows}, {columns}, 1}}" for rows, columns in sizes)
    return f"""const long long *{name}(long long i) {{
  static const long long dense[][3] = {{{dense}}};
  return i < {len(sizes)} ? dense[i] : 0;
}}"""
