"""The C text of the step: elimination on the fixed pattern, stages, control of each substep.

Every lane has its own substep. A lane whose error estimate is too large repeats the substep with a
smaller one while its neighbours go on; lanes that have arrived wait unchanged for the last. What a
lane computes depends on its own numbers alone.
"""

ELIMINATION = """
/* Rows with the same pattern right of the diagonal are subtracted four at a time: the row that is
   worked on then passes through the registers once instead of four times. */
INLINE void subtract_four(v *a, const v *inverse, v *restrict row, int k, v *l) {
  const v *u0 = a + DIAGONALS[k], *u1 = a + DIAGONALS[k + 1];
  const v *u2 = a + DIAGONALS[k + 2], *u3 = a + DIAGONALS[k + 3];
  const v l0 = row[k] * inverse[k];
  const v l1 = (row[k + 1] - l0 * u0[1]) * inverse[k + 1];
  const v l2 = (row[k + 2] - l0 * u0[2] - l1 * u1[1]) * inverse[k + 2];
  const v l3 = (row[k + 3] - l0 * u0[3] - l1 * u1[2] - l2 * u2[1]) * inverse[k + 3];
  const int *column = COLUMNS + DIAGONALS[k + 3], count = ROW_STARTS[k + 4] - DIAGONALS[k + 3];
  for (int j = 1; j < count; j++) {
    v *r = row + column[j];
    *r = *r - l0 * u0[j + 3] - l1 * u1[j + 2] - l2 * u2[j + 1] - l3 * u3[j];
  }
  l[0] = l0, l[1] = l1, l[2] = l2, l[3] = l3;
}
INLINE void subtract_one(v *a, const v *inverse, v *restrict row, int k, v *l) {
  const v l0 = row[k] * inverse[k];
  for (int q = DIAGONALS[k] + 1; q < ROW_STARTS[k + 1]; q++) row[COLUMNS[q]] -= l0 * a[q];
  l[0] = l0;
}
static void factor(v *a, v *restrict inverse, v *restrict row) {
  for (int i = 0; i < N_X; i++) {
    const int start = ROW_STARTS[i], diagonal = DIAGONALS[i], end = ROW_STARTS[i + 1];
    for (int p = start; p < end; p++) row[COLUMNS[p]] = a[p];
    for (int p = start; p < diagonal;) {
      const int k = COLUMNS[p];
      if (RUNS[k] >= 4 && diagonal - p >= 4) {
        subtract_four(a, inverse, row, k, a + p);
        p += 4;
      } else {
        subtract_one(a, inverse, row, k, a + p);
        p += 1;
      }
    }
    for (int p = diagonal; p < end; p++) a[p] = row[COLUMNS[p]];
    inverse[i] = 1.0 / row[i];
  }
}
/* Four sums, because each addition waits for the one before it. */
static v product(const v *a, const v *z, int start, int end) {
  v s0 = splat(0.0), s1 = s0, s2 = s0, s3 = s0;
  int p = start;
  for (; p + 4 <= end; p += 4) {
    s0 += a[p] * z[COLUMNS[p]], s1 += a[p + 1] * z[COLUMNS[p + 1]];
    s2 += a[p + 2] * z[COLUMNS[p + 2]], s3 += a[p + 3] * z[COLUMNS[p + 3]];
  }
  for (; p < end; p++) s0 += a[p] * z[COLUMNS[p]];
  return (s0 + s1) + (s2 + s3);
}
static void solve(const v *a, const v *inverse, v *restrict b, v *restrict z) {
  for (int i = 0; i < N_X; i++)
    z[i] = b[ORDER[i]] - product(a, z, ROW_STARTS[i], DIAGONALS[i]);
  for (int i = N_X - 1; i >= 0; i--) {
    z[i] = (z[i] - product(a, z, DIAGONALS[i] + 1, ROW_STARTS[i + 1])) * inverse[i];
    b[ORDER[i]] = z[i];
  }
}
"""

STEP = """
static v *aligned(double *w) {
  const unsigned long long size = sizeof(v);
  return (v *)(((unsigned long long)w + size - 1) / size * size);
}
static void gather(const double *from, int count, v *to) {
  for (int j = 0; j < count; j++) EACH to[j][i] = from[i * count + j];
}
static void scatter(const v *from, int count, double *to) {
  for (int j = 0; j < count; j++) EACH to[i * count + j] = from[j][i];
}
static int none(m where) {
  long long any = 0;
  EACH any |= where[i];
  return !any;
}
static v weighted(const double *weights, const v *k, int count) {
  v sum = splat(0.0);
  for (int j = 0; j < count; j++) sum += weights[j] * k[j * N_X];
  return sum;
}
/* The estimate has order two: an error beyond all limits, or none at all, shrinks a step most. */
static v next_size(v error, double tolerance, double growth) {
  const v factor = 0.9 * lane_exp((lane_log(splat(tolerance)) - lane_log(error)) * (1.0 / 3.0));
  return choose(error <= tolerance, lane_fmin(lane_fmax(factor, splat(0.2)), splat(growth)),
                choose(factor >= 0.2, lane_fmin(factor, splat(0.9)), splat(0.2)));
}
#define STEP_WORK ((2 + N_STAGES) * N_X + N_U + N_D + N_ENTRIES + 4 * N_X + N_WORK)
static int vector_step_body(const double **arg, double **res, double *memory) {
  v *x = aligned(memory), *u = x + N_X, *d = u + N_U, *f = d + N_D, *y = f + N_X;
  v *k = y + N_X, *a = k + N_STAGES * N_X, *inverse = a + N_ENTRIES, *row = inverse + N_X;
  v *z = row + N_X, *w = z + N_X;
  gather(arg[0], N_X, x), gather(arg[1], N_U, u), gather(arg[2], N_D, d);
  const double tolerance = arg[3][2], growth = arg[3][3];
  const int most = (int)arg[3][4];
  v left = splat(arg[3][0]), h = splat(arg[3][1]);
  v report[] = {splat(0.0), splat(0.0), splat(0.0)};
  for (int n = 0; n < most; n++) {
    const m active = left > 0.0;
    if (none(active)) break;
    const v count = lane_ceil(left / h - 1e-9);
    h = choose(active, left / lane_fmax(count, splat(1.0)), h);
    const v per_h = 1.0 / h;
    for (int p = 0; p < N_ENTRIES; p++) a[p] = splat(0.0);
    rates_and_slopes(x, u, d, f, a, w);
    for (int i = 0; i < N_X; i++) a[DIAGONALS[i]] += per_h / DIAGONAL;
    factor(a, inverse, row);
    for (int s = 0; s < N_STAGES; s++) {
      if (s > 0) {
        for (int i = 0; i < N_X; i++) y[i] = x[i] + weighted(STAGE_STATES + s * N_STAGES, k + i, s);
        rates(y, u, d, f, w);
      }
      v *stage = k + s * N_X;
      for (int i = 0; i < N_X; i++)
        stage[i] = f[i] + weighted(STAGE_RATES + s * N_STAGES, k + i, s) * per_h;
      solve(a, inverse, stage, z);
    }
    v error = splat(0.0);
    for (int i = 0; i < N_X; i++) {
      const v one = lane_fabs(weighted(ERROR_WEIGHTS, k + i, N_STAGES)) * SPANS[i];
      error = choose((one > error) | (one != one), one, error);
    }
    const m accepted = active & (error <= tolerance);
    for (int i = 0; i < N_X; i++)
      x[i] = choose(accepted, x[i] + weighted(STEP_WEIGHTS, k + i, N_STAGES), x[i]);
    left = choose(accepted, choose(count <= 1.0, splat(0.0), left - h), left);
    report[0] = choose(accepted & (error > report[0]), error, report[0]);
    report[1] += truth(active);
    h *= choose(active, next_size(error, tolerance, growth), splat(1.0));
  }
  report[2] = truth(left == 0.0);
  scatter(x, N_X, res[0]), scatter(report, 3, res[1]);
  return 0;
}
#define OUTPUTS_WORK (N_X + N_U + N_D + N_Y + N_WORK)
static int vector_outputs_body(const double **arg, double **res, double *memory) {
  v *x = aligned(memory), *u = x + N_X, *d = u + N_U, *y = d + N_D, *w = y + N_Y;
  gather(arg[0], N_X, x), gather(arg[1], N_U, u), gather(arg[2], N_D, d);
  outputs(x, u, d, y, w);
  scatter(y, N_Y, res[0]);
  return 0;
}
"""
