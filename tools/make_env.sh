#!/usr/bin/env bash
# Makes the virtual environment $1 with the project's extras $2 (for example "[dev]").
# cyipopt has no wheel for Linux: it is built against the Ipopt inside the casadi wheel.
set -euo pipefail
venv=$1
extras=$2
python=${PYTHON:-python3}

say() { printf 'make_env: %s\n' "$*" >&2; }
for tool in "$python" pkg-config cc; do
  command -v "$tool" >/dev/null || {
    say "'$tool' is not on this machine; install it (Debian: apt-get install python3-venv pkg-config gcc) and run make again."
    exit 2
  }
done
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  say "'$python' is $("$python" --version); Operator Agent needs Python 3.11 or later. Name one: make PYTHON=python3.12"
  exit 2
}
"$python" -c 'import venv, ensurepip' 2>/dev/null || {
  say "'$python' cannot make virtual environments; install its venv package (Debian: python3-venv)."
  exit 2
}
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
[ -f "$header" ] || {
  say "the C headers of '$python' are missing ($header); install them (Debian: python3-dev)."
  exit 2
}

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check)
say "installing the pinned dependencies (a few minutes the first time)"
"${pip[@]}" install -q "setuptools>=77" wheel casadi numpy cython -c constraints.txt

if ! "$venv/bin/python" -c 'import cyipopt' 2>/dev/null; then
  say "building cyipopt against casadi's Ipopt"
  casadi=$("$venv/bin/python" -c 'import casadi, pathlib; print(pathlib.Path(casadi.__file__).parent.resolve())')
  packages=$(mktemp -d)
  trap 'rm -rf "$packages"' EXIT
  cat >"$packages/ipopt.pc" <<PC
Name: ipopt
Description: Ipopt as carried by the casadi wheel
Version: 3.14.19
Cflags: -I$casadi/include/coin-or
Libs: -L$casadi -lipopt
PC
  # The run path is relative to the extension, so the environment can be moved.
  PKG_CONFIG_PATH=$packages LDFLAGS='-Wl,-rpath,$ORIGIN/../casadi' \
    "${pip[@]}" install -q --force-reinstall --no-deps --no-cache-dir --no-build-isolation --no-binary cyipopt cyipopt -c constraints.txt
  "$venv/bin/python" -c 'import cyipopt; assert cyipopt.IPOPT_VERSION >= (3, 14)' || {
    say "cyipopt was built but does not load; send the lines above with the output of '$venv/bin/pip freeze'."
    exit 2
  }
fi
"${pip[@]}" install -q -e ".$extras" -c constraints.txt
