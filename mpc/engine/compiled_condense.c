/* Condensing of implicit Euler stages with sparse factors of M = I - h df/dx.

     M[k] G[k+1] = G[k] + h df/du[k] E[k],    R[k] = dy/dx[k] G[k+1] + dy/du[k] E[k]

   The pattern of M is known beforehand and ordered for little fill, see `plant.vector.elimination`.
   Eight stages are factorised at once, one in each lane; then each stage is solved for eight
   columns at once. There is no pivoting, so every stage also solves M z = M 1: how far z is from 1
   is the error, which the caller judges. */

#define STRIP 4 /* registers of columns that are solved together */

typedef struct {
  int n_pred, n_x, n_u, n_y, n_nonzeros, n_entries;
  const int *order, *row_starts, *diagonals, *columns, *places, *block;
} Plan;

static Plan plan_of(const double *sizes, const double *indices) {
  Plan p = {(int)sizes[0], (int)sizes[1], (int)sizes[2],
            (int)sizes[3], (int)sizes[4], (int)sizes[5], 0, 0, 0, 0, 0, 0};
  p.order = (const int *)indices;
  p.row_starts = p.order + p.n_x;
  p.diagonals = p.row_starts + p.n_x + 1;
  p.columns = p.diagonals + p.n_x;
  p.places = p.columns + p.n_entries;
  p.block = p.places + p.n_nonzeros;
  return p;
}

/* Factors of eight matrices: unit lower and upper in one list, and the inverse pivots. */
static void factor_lanes(const Plan *p, lanes *a, lanes *inverse, lanes *row) {
  const int *starts = p->row_starts, *diagonals = p->diagonals, *columns = p->columns;
  for (int i = 0, n_x = p->n_x; i < n_x; i++) {
    int start = starts[i], diagonal = diagonals[i], end = starts[i + 1];
    for (int e = start; e < end; e++) row[columns[e]] = a[e];
    for (int e = start; e < diagonal; e++) {
      int pivot = columns[e], last = starts[pivot + 1];
      lanes factor = row[pivot] * inverse[pivot];
      for (int q = diagonals[pivot] + 1; q < last; q++) row[columns[q]] -= factor * a[q];
      a[e] = factor;
    }
    for (int e = diagonal; e < end; e++) a[e] = row[columns[e]];
    inverse[i] = 1.0 / row[i];
  }
}

/* Lane by lane into eight lists. */
static void spread(const lanes *from, double *const *to, int count) {
  double *t0 = to[0], *t1 = to[1], *t2 = to[2], *t3 = to[3];
  double *t4 = to[4], *t5 = to[5], *t6 = to[6], *t7 = to[7];
  for (int e = 0; e < count; e++) {
    lanes v = from[e];
    t0[e] = v[0], t1[e] = v[1], t2[e] = v[2], t3[e] = v[3];
    t4[e] = v[4], t5[e] = v[5], t6[e] = v[6], t7[e] = v[7];
  }
}

/* Factors of all stages, stage after stage, and the sums of the rows of M in the plan's order.
   Lanes without a stage repeat the last one. */
static void factor_stages(const Plan *p, const double *lengths, const double *nonzeros,
                          double *factors, double *inverses, double *sums, double *memory) {
  lanes *a = (lanes *)memory, *inverse = a + p->n_entries, *row = inverse + p->n_x;
  for (int first = 0; first < p->n_pred; first += WIDTH) {
    int stage[WIDTH];
    const double *given[WIDTH];
    lanes length;
    for (int lane = 0; lane < WIDTH; lane++) {
      stage[lane] = first + lane < p->n_pred ? first + lane : p->n_pred - 1;
      given[lane] = nonzeros + (long)stage[lane] * p->n_nonzeros;
      length[lane] = -lengths[stage[lane]];
    }
    memset(a, 0, p->n_entries * sizeof(lanes));
    for (int e = 0; e < p->n_nonzeros; e++) {
      lanes own = {given[0][e], given[1][e], given[2][e], given[3][e],
                   given[4][e], given[5][e], given[6][e], given[7][e]};
      a[p->places[e]] = length * own;
    }
    for (int i = 0; i < p->n_x; i++) {
      lanes sum = {0.0};
      a[p->diagonals[i]] += 1.0;
      for (int e = p->row_starts[i]; e < p->row_starts[i + 1]; e++) sum += a[e];
      for (int lane = 0; lane < WIDTH; lane++) sums[stage[lane] * p->n_x + i] = sum[lane];
    }
    factor_lanes(p, a, inverse, row);
    double *to[WIDTH], *pivots[WIDTH];
    for (int lane = 0; lane < WIDTH; lane++) {
      to[lane] = factors + (long)stage[lane] * p->n_entries;
      pivots[lane] = inverses + (long)stage[lane] * p->n_x;
    }
    spread(a, to, p->n_entries);
    spread(inverse, pivots, p->n_x);
  }
}

/* Solvers for one to four registers of columns; rows of `b` are STRIP registers apart. */
#define ONE(X) X(0)
#define TWO(X) X(0) X(1)
#define THREE(X) X(0) X(1) X(2)
#define FOUR(X) X(0) X(1) X(2) X(3)
#define TAKE(s) lanes sum##s = b[i * STRIP + s];
#define SUBTRACT(s) sum##s -= value * row[s];
#define PUT(s) b[i * STRIP + s] = sum##s;
#define PUT_DIVIDED(s) b[i * STRIP + s] = sum##s * inverse[i];
#define SUBTRACT_ROWS(from, to, EACH)              \
  for (int e = (from), end = (to); e < end; e++) { \
    const lanes *row = b + columns[e] * STRIP;     \
    double value = factor[e];                      \
    EACH(SUBTRACT)                                 \
  }
#define SOLVER(name, EACH)                                                                      \
  static void name(const Plan *p, const double *factor, const double *inverse, lanes *b) {      \
    const int *starts = p->row_starts, *diagonals = p->diagonals, *columns = p->columns;        \
    for (int i = 0, n_x = p->n_x; i < n_x; i++) {                                               \
      EACH(TAKE) SUBTRACT_ROWS(starts[i], diagonals[i], EACH) EACH(PUT)                         \
    }                                                                                           \
    for (int i = p->n_x - 1; i >= 0; i--) {                                                     \
      EACH(TAKE) SUBTRACT_ROWS(diagonals[i] + 1, starts[i + 1], EACH) EACH(PUT_DIVIDED)         \
    }                                                                                           \
  }
SOLVER(solve_one, ONE)
SOLVER(solve_two, TWO)
SOLVER(solve_three, THREE)
SOLVER(solve_four, FOUR)

static void solve_columns(const Plan *p, const double *factor, const double *inverse, lanes *b,
                          int count) {
  if (count == 1) solve_one(p, factor, inverse, b);
  else if (count == 2) solve_two(p, factor, inverse, b);
  else if (count == 3) solve_three(p, factor, inverse, b);
  else solve_four(p, factor, inverse, b);
}

/* The larger of two errors; NaN is the largest. */
static double worse(double error, double found) {
  return found > error || isnan(found) ? found : error;
}

/* One stage: `now` holds G[k] by rows of `width` numbers and gets G[k+1]; the column behind the
   `used` ones is the check. Returns its error. */
static double advance(const Plan *p, const double *factor, const double *inverse,
                      const double *sums, double *now, int width, int used, lanes *b) {
  double error = 0.0;
  for (int from = 0; from <= used; from += STRIP * WIDTH) {
    int left = padded(used + 1 - from) / WIDTH, count = left < STRIP ? left : STRIP;
    for (int i = 0; i < p->n_x; i++)
      memcpy(b + i * STRIP, now + (long)p->order[i] * width + from, count * sizeof(lanes));
    int check = used - from < STRIP * WIDTH ? used - from : -1;
    for (int i = 0; check >= 0 && i < p->n_x; i++) ((double *)(b + i * STRIP))[check] = sums[i];
    solve_columns(p, factor, inverse, b, count);
    for (int i = 0; check >= 0 && i < p->n_x; i++) {
      double *value = (double *)(b + i * STRIP) + check;
      error = worse(error, fabs(*value - 1.0));
      *value = 0.0;
    }
    for (int i = 0; i < p->n_x; i++)
      memcpy(now + (long)p->order[i] * width + from, b + i * STRIP, count * sizeof(lanes));
  }
  return error;
}

/* out += matrix times `now`, skipping zeros. */
static void respond(int n_rows, int n_x, const double *matrix, const double *now, int width,
                    int used, double *out) {
  for (int y = 0; y < n_rows; y++)
    for (int x = 0; x < n_x; x++)
      if (matrix[y * n_x + x] != 0.0)
        add(out + (long)y * width, matrix[y * n_x + x], now + (long)x * width, padded(used));
}

/* Arguments: n_pred, n_x, n_u, n_y, nonzeros, entries, columns; indices of the plan and the block
   of each stage; lengths; df/dx nonzeros; df/du; dy/dx; dy/du.
   Results: factors, inverse pivots, responses of states and of outputs, largest error, memory. */
static int euler_condense_body(const double **arg, double **res, double *unused) {
  Plan p = plan_of(arg[0], arg[1]);
  const double *lengths = arg[2], *rhs_u = arg[4], *outputs_x = arg[5], *outputs_u = arg[6];
  double *factors = res[0], *inverses = res[1], *states = res[2], *outputs = res[3], error = 0.0;
  int n_columns = (int)arg[0][6], width = padded(n_columns + 1);
  double *sums = res[5], *now = sums + padded(p.n_pred * p.n_x), *y = now + (long)p.n_x * width;
  double *work = y + (long)p.n_y * width;
  (void)unused;
  factor_stages(&p, lengths, arg[3], factors, inverses, sums, work);
  memset(now, 0, (long)p.n_x * width * sizeof(double));
  for (int k = 0; k < p.n_pred; k++) {
    int first = p.block[k] * p.n_u, used = first + p.n_u;
    for (int i = 0; i < p.n_x; i++)
      for (int j = 0; j < p.n_u; j++)
        now[(long)i * width + first + j] += lengths[k] * rhs_u[((long)k * p.n_x + i) * p.n_u + j];
    double found = advance(&p, factors + (long)k * p.n_entries, inverses + (long)k * p.n_x,
                           sums + (long)k * p.n_x, now, width, used, (lanes *)work);
    error = worse(error, found);
    memset(y, 0, (long)p.n_y * width * sizeof(double));
    respond(p.n_y, p.n_x, outputs_x + (long)k * p.n_y * p.n_x, now, width, used, y);
    for (int i = 0; i < p.n_y; i++)
      for (int j = 0; j < p.n_u; j++)
        y[(long)i * width + first + j] += outputs_u[((long)k * p.n_y + i) * p.n_u + j];
    for (int i = 0; i < p.n_x; i++)
      memcpy(states + ((long)k * p.n_x + i) * n_columns, now + (long)i * width,
             n_columns * sizeof(double));
    for (int i = 0; i < p.n_y; i++)
      memcpy(outputs + ((long)k * p.n_y + i) * n_columns, y + (long)i * width,
             n_columns * sizeof(double));
  }
  res[4][0] = error;
  return 0;
}

static double product(const Plan *p, const double *factor, const double *z, int start, int end) {
  double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0; /* each addition waits for the one before it */
  int e = start;
  for (; e + 4 <= end; e += 4) {
    s0 += factor[e] * z[p->columns[e]], s1 += factor[e + 1] * z[p->columns[e + 1]];
    s2 += factor[e + 2] * z[p->columns[e + 2]], s3 += factor[e + 3] * z[p->columns[e + 3]];
  }
  for (; e < end; e++) s0 += factor[e] * z[p->columns[e]];
  return (s0 + s1) + (s2 + s3);
}

/* Arguments: sizes and indices as above, factors, inverse pivots, defects.
   Results: M[k] change[k] = change[k-1] - defects[k], and memory. */
static int euler_propagate_body(const double **arg, double **res, double *unused) {
  Plan p = plan_of(arg[0], arg[1]);
  double *z = res[1];
  (void)unused;
  for (int k = 0; k < p.n_pred; k++) {
    const double *factor = arg[2] + (long)k * p.n_entries, *inverse = arg[3] + (long)k * p.n_x;
    const double *defect = arg[4] + (long)k * p.n_x, *before = res[0] + (long)(k - 1) * p.n_x;
    double *change = res[0] + (long)k * p.n_x;
    for (int i = 0; i < p.n_x; i++) {
      int own = p.order[i];
      double right = (k > 0 ? before[own] : 0.0) - defect[own];
      z[i] = right - product(&p, factor, z, p.row_starts[i], p.diagonals[i]);
    }
    for (int i = p.n_x - 1; i >= 0; i--) {
      double rest = product(&p, factor, z, p.diagonals[i] + 1, p.row_starts[i + 1]);
      z[i] = (z[i] - rest) * inverse[i];
      change[p.order[i]] = z[i];
    }
  }
  return 0;
}
