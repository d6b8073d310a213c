/* A dense convex QP by a dual active-set method, started from a working set.

     min 1/2 x'Hx + g'x   with   row_low <= A x <= row_high,   low <= x <= high

   Goldfarb, Idnani, "A numerically stable dual method for solving strictly convex quadratic
   programs", Math. Program. 27 (1983) 1. The working set is held as the Cholesky factor of its
   Gram matrix in the metric of H. A start that has negative multipliers loses them first, so any
   set of constraints is a valid start. Variables behind the last coupled one ("tail": slacks) have
   a diagonal Hessian and cost no more than their own entries; one that stands at a bound is fixed:
   it belongs to the working set, but not to the Gram matrix, which ignores its column.

   Constraint c < n is the bound of variable c, constraint n + i is row i. A normal is taken with
   the sign of its side: sign * a'x <= limit. */

#define OPTIMAL 1
#define INFEASIBLE -1
#define ITERATION_LIMIT -4
#define NOT_CONVEX -5
#define NOT_FINITE -6
#define INACCURATE -7
#define NO_ROOM -8

#define BLOCK 32         /* rows that are looked through together for entries */
#define PIVOT 1e-14      /* of its diagonal: below it a Hessian is not positive definite */
#define DEPENDENT 1e-11  /* squared sine of the angle to the working set: below it dependent */
#define CLEAR 1e-4       /* the same: above it differences of squares lose no digits that matter */
#define VIOLATED 1e-9    /* relative to 1 + |limit|: above it a constraint enters */
#define LEAST 1e-12      /* of the largest weight, squared: what rows of zeros get instead */
#define STEP 1e-12       /* of a price per unit of the entering one: below it rounding */
#define ROUNDS 3         /* of looking again for violations after the last digits are in */
#define SETTLED 1e-13    /* the same before a Newton step that makes another one pointless */
#define ACCURATE 1e-8    /* largest violation of the optimality conditions that is a solution */

typedef struct {
  int n, m, dense, width, tail, tail_width, limit, size, iterations;
  int solved;  /* whether the last call ended with a solution */
  int turns;   /* of the Gram matrix's factor since it was made */
  int weighed; /* whether the weights of violations are there */
  const double *hessian, *gradient, *rows, *row_low, *row_high, *low, *high;
  double *factor, *inverse_pivot, *inverse_root;                  /* of the Hessian */
  int *tail_start, *tail_column, *tail_row;                       /* rows' entries in the tail */
  double *tail_value, *tail_seen;
  int *member, *place;                                            /* working set */
  double *sign, *price, *raws, *normals, *gram;
  double *fixed, *fixed_price, *fixed_step;                       /* side of each tail variable */
  double *x, *rows_x, *raw, *normal, *direction, *tail_normal, *tail_direction, *step, *inner;
  double *masked, *weight;
} Qp;

#define STATE 128 /* numbers that it may take in memory */
_Static_assert(sizeof(Qp) <= STATE * sizeof(double), "the state needs more room");

/* Room in `memory`, taken from the front; all arrays start at padded places. */
static double *taken(double **memory, long count) {
  double *here = *memory;
  *memory += (count + WIDTH - 1) / WIDTH * WIDTH;
  return here;
}

static long room(Qp *q, double *memory) {
  double *next = memory;
  long n = q->n, m = q->m, width = padded(q->n), square = n * width;
  q->factor = taken(&next, square), q->normals = taken(&next, square);
  q->gram = taken(&next, square), q->raws = taken(&next, square);
  double **vectors[] = {&q->inverse_pivot, &q->inverse_root, &q->sign,
                        &q->price, &q->x, &q->raw, &q->normal, &q->direction, &q->tail_normal,
                        &q->tail_direction, &q->step, &q->inner, &q->fixed, &q->fixed_price,
                        &q->fixed_step, &q->masked};
  for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++)
    *vectors[i] = taken(&next, width);
  q->rows_x = taken(&next, m), q->weight = taken(&next, width + padded(m));
  q->tail_value = taken(&next, m * n), q->tail_seen = taken(&next, m * n);
  q->tail_column = (int *)taken(&next, m * n), q->tail_row = (int *)taken(&next, m * n);
  q->tail_start = (int *)taken(&next, m + 1);
  q->member = (int *)taken(&next, n), q->place = (int *)taken(&next, n + m);
  return next - memory;
}

static double limit_of(const Qp *q, int c, double sign) {
  if (c < q->n) return sign > 0.0 ? q->high[c] : -q->low[c];
  return sign > 0.0 ? q->row_high[c - q->n] : -q->row_low[c - q->n];
}

static int is_equality(const Qp *q, int c) { return limit_of(q, c, 1.0) == -limit_of(q, c, -1.0); }

/* Number of leading variables that the Hessian couples. */
static int coupled(const Qp *q) {
  for (int i = q->n - 1; i > 0; i--)
    if (any_nonzero(q->hessian + (long)i * q->n, i)) return i + 1;
  return 0;
}

static void collect_tail(Qp *q) {
  int found = 0;
  memset(q->tail_start, 0, (q->m + 1) * sizeof(int));
  for (int j = q->dense; j < q->n; j++)
    for (int from = 0; from < q->m; from += BLOCK) {
      const double *column = q->rows + (long)j * q->m;
      int to = from + BLOCK < q->m ? from + BLOCK : q->m;
      if (!any_nonzero(column + from, to - from)) continue;
      for (int i = from; i < to; i++) {
        if (column[i] == 0.0) continue;
        q->tail_row[found] = i, q->tail_seen[found] = column[i];
        q->tail_column[found++] = j - q->dense;
        q->tail_start[i + 1]++;
      }
    }
  for (int i = 0; i < q->m; i++) q->tail_start[i + 1] += q->tail_start[i];
  int *columns = q->tail_column + found; /* sorted by row behind the list by column */
  int *next = q->place;                  /* free until the working set is made */
  memcpy(next, q->tail_start, q->m * sizeof(int));
  for (int e = 0; e < found; e++) {
    int to = next[q->tail_row[e]]++;
    columns[to] = q->tail_column[e], q->tail_value[to] = q->tail_seen[e];
  }
  memmove(q->tail_column, columns, found * sizeof(int));
}

static int factorise_hessian(Qp *q) {
  int n = q->n, dense = q->dense, width = q->width;
  for (int j = 0; j < dense; j++) {
    double *column = q->factor + (long)j * width;
    int from = j / WIDTH * WIDTH;
    memset(column, 0, width * sizeof(double));
    memcpy(column + j, q->hessian + (long)j * n + j, (dense - j) * sizeof(double));
    for (int k = 0; k < j; k++) {
      const double *before = q->factor + (long)k * width;
      add(column + from, -before[j], before + from, width - from);
    }
    for (int i = from; i < j; i++) column[i] = 0.0;
    if (!(column[j] > PIVOT * q->hessian[(long)j * n + j])) return 0;
    double root = sqrt(column[j]);
    q->inverse_pivot[j] = 1.0 / root;
    for (int i = j; i < dense; i++) column[i] *= q->inverse_pivot[j];
  }
  for (int s = 0; s < q->tail; s++) {
    double diagonal = q->hessian[(long)(dense + s) * n + dense + s];
    if (!(diagonal > 0.0)) return 0;
    q->inverse_root[s] = 1.0 / sqrt(diagonal);
  }
  return 1;
}

/* v = L^-1 v for the dense part, from entry `first` on. */
static void forward(const Qp *q, double *v, int first) {
  for (int j = first; j < q->dense; j++) {
    const double *column = q->factor + (long)j * q->width;
    double value = v[j] * q->inverse_pivot[j];
    int from = j / WIDTH * WIDTH;
    add(v + from, -value, column + from, q->width - from);
    v[j] = value;
  }
}

/* v = L^-T v for the dense part; entries behind it are zero. */
static void backward(const Qp *q, double *v) {
  for (int j = q->dense - 1; j >= 0; j--) {
    const double *column = q->factor + (long)j * q->width;
    int from = j / WIDTH * WIDTH;
    double own = v[j];
    v[j] = 0.0;
    double rest = dot(column + from, v + from, q->width - from);
    v[j] = (own - rest) * q->inverse_pivot[j];
  }
}

/* tail += factor * a_c (signed by the caller), in the metric of H. */
static void add_tail(const Qp *q, double *tail, double factor, int c) {
  if (c < q->n) {
    if (c >= q->dense) tail[c - q->dense] += factor * q->inverse_root[c - q->dense];
    return;
  }
  for (int e = q->tail_start[c - q->n]; e < q->tail_start[c - q->n + 1]; e++)
    tail[q->tail_column[e]] += factor * q->tail_value[e] * q->inverse_root[q->tail_column[e]];
}

static double dot_tail(const Qp *q, const double *tail, int c) {
  double found = 0.0;
  if (c < q->n) return c < q->dense ? 0.0 : tail[c - q->dense] * q->inverse_root[c - q->dense];
  for (int e = q->tail_start[c - q->n]; e < q->tail_start[c - q->n + 1]; e++)
    found += tail[q->tail_column[e]] * q->tail_value[e] * q->inverse_root[q->tail_column[e]];
  return found;
}

/* The signed normal: as it is (`raw`), and in the metric of H (`normal`, `tail_normal`). */
static void make_normal(Qp *q, int c, double sign) {
  memset(q->raw, 0, q->width * sizeof(double));
  memset(q->tail_normal, 0, q->tail_width * sizeof(double));
  add_tail(q, q->tail_normal, sign, c);
  if (c >= q->n)
    for (int j = 0; j < q->dense; j++) q->raw[j] = sign * q->rows[(long)j * q->m + c - q->n];
  else if (c < q->dense)
    q->raw[c] = sign;
  memcpy(q->normal, q->raw, q->width * sizeof(double));
  forward(q, q->normal, c < q->dense ? c : 0);
}
