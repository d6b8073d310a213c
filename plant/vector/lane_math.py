"""C source of elementary functions on vectors of lanes.

Each lane is computed by the same instructions whatever the other lanes hold, so that a copy's
result does not depend on its neighbours. Exponential and logarithm are reduced to a short interval
(ln 2 in two parts, Cody and Waite, Software Manual for the Elementary Functions, 1980) where a
Taylor series reaches double precision; its coefficients are computed here from their formulas. The
functions that process models use rarely call the C library lane by lane.
"""

import math

# The remainder is at most ln(2)/2: the first omitted term, 0.3466**14/14!, is 4e-18.
_EXP_TERMS = 13
# At sqrt(2) the argument of the series is 0.0295: the first omitted term is 2e-19.
_LOG_TERMS = 11
# ln 2 = high + low, high with 21 trailing zero bits: its product with an exponent is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")

LIBRARY_ONE = (
    *("sin", "cos", "tan", "asin", "acos", "atan", "floor", "ceil", "erf"),
    *("sinh", "cosh", "asinh", "acosh", "atanh"),
)
LIBRARY_TWO = ("fmod", "copysign", "atan2", "hypot", "remainder")


def _horner(variable: str, coefficients: list[float]) -> str:
    """Return the C expression of a polynomial, coefficients from the lowest power."""
    text = f"splat({coefficients[-1]!r})"
    for coefficient in reversed(coefficients[:-1]):
        text = f"({text} * {variable} + {coefficient!r})"
    return text


def lane_math(lanes: int) -> str:
    """Return the C source of the vector type `v` of some lanes and its functions."""
    exponential = _horner("r", [1.0 / math.factorial(k) for k in range(2, _EXP_TERMS + 1)])
    logarithm = _horner("z", [2.0 / (2 * k + 1) for k in range(1, _LOG_TERMS + 1)])
    library = "\n".join(
        [f"static v lane_{f}(v a) {{ v r; EACH r[i] = {f}(a[i]); return r; }}" for f in LIBRARY_ONE]
        + [
            f"static v lane_{f}(v a, v b) {{ v r; EACH r[i] = {f}(a[i], b[i]); return r; }}"
            for f in LIBRARY_TWO
        ]
    )
    return f"""#include <math.h>
#define LANES {lanes}
#define EACH for (int i = 0; i < LANES; i++)
#define INLINE static inline __attribute__((always_inline, unused))
#pragma GCC diagnostic ignored "-Wunused-function"
typedef double v __attribute__((vector_size({8 * lanes})));
typedef long long m __attribute__((vector_size({8 * lanes})));

INLINE v splat(double a) {{ return a - (v){{0}}; }}
INLINE v choose(m where, v a, v b) {{ return (v)((where & (m)a) | (~where & (m)b)); }}
INLINE v truth(m where) {{ return (v)(where & (m)splat(1.0)); }}
INLINE v lane_fabs(v a) {{ return (v)((m)a & 0x7fffffffffffffffLL); }}
INLINE v lane_sign(v a) {{ return truth(a > 0.0) - truth(a < 0.0); }}
INLINE v lane_fmax(v a, v b) {{ return choose(a > b, a, b); }}
INLINE v lane_fmin(v a, v b) {{ return choose(a < b, a, b); }}
INLINE v lane_sqrt(v a) {{ v r; EACH r[i] = __builtin_sqrt(a[i]); return r; }}

/* exp(a) = 2**k (1 + p) with a = k ln 2 + r; both parts of 2**k, as it may leave the range. */
INLINE v reduce(v a, m *k) {{
  const v shift = splat(0x1.8p52);
  v nearest = a * {1.0 / math.log(2.0)!r} + shift;
  *k = (m)nearest - (m)shift;
  nearest -= shift;
  v r = (a - nearest * {_LN2_HIGH!r}) - nearest * {_LN2_LOW!r};
  return r + r * r * {exponential};
}}
INLINE v power_of_two(m k) {{ return (v)((k + 1023) << 52); }}
static v lane_exp(v a) {{
  m k;
  a = choose(a > 720.0, splat(720.0), choose(a < -760.0, splat(-760.0), a));
  v p = reduce(a, &k);
  m half = k >> 1;
  return (p + 1.0) * power_of_two(half) * power_of_two(k - half);
}}
static v lane_expm1(v a) {{
  m k;
  v kept = choose(a < -60.0, splat(-60.0), a);
  kept = choose(kept > 700.0, splat(700.0), kept);
  v p = reduce(kept, &k);
  v scale = power_of_two(k);
  return choose(a > 700.0, lane_exp(a), scale * p + (scale - 1.0));
}}
static v lane_tanh(v a) {{
  v e = lane_expm1(lane_fabs(a) * -2.0);
  v r = -e / (e + 2.0);
  return (v)((m)r | ((m)a & (m)splat(-0.0)));
}}
/* log(a) = k ln 2 + log(1 + f), 1 + f within [sqrt(1/2), sqrt(2)]. */
static v lane_log(v a) {{
  m tiny = a < 0x1p-1022;
  v scaled = choose(tiny, a * 0x1p54, a);
  m bits = (m)scaled - (m)splat({math.sqrt(0.5)!r});
  m k = bits >> 52;
  v f = (v)((m)scaled - (k << 52)) - 1.0;
  v e = __builtin_convertvector(k + (tiny & -54), v);
  v s = f / (f + 2.0);
  v z = s * s;
  v half = f * f * 0.5;
  v r = z * {logarithm};
  v found = e * {_LN2_HIGH!r} - ((half - (s * (half + r) + e * {_LN2_LOW!r})) - f);
  found = choose(a == INFINITY, a, found);
  return choose(a > 0.0, found, choose(a == 0.0, splat(-INFINITY), splat(NAN)));
}}
static v lane_log1p(v a) {{
  v u = a + 1.0, d = u - 1.0;
  v r = lane_log(u) * (a / d);
  r = choose(u == INFINITY, u, r);
  return choose(d == 0.0, a, r);
}}
static v lane_pow(v a, v b) {{
  v r = lane_exp(b * lane_log(a));
  EACH if (!(a[i] > 0.0)) r[i] = pow(a[i], b[i]);
  return r;
}}
{library}
"""
