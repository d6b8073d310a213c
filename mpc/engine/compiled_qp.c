/* Side that a start names; NaN names none. */
static double side_of(const double *start, int c) {
  return !start ? 0.0 : start[c] > 0.0 ? 1.0 : start[c] < 0.0 ? -1.0 : 0.0;
}

/* Side at which a tail variable begins: as told, or, from nothing, where its own cost drives it. */
static double first_side(const Qp *q, int c, const double *start) {
  double rest = -q->gradient[c] / q->hessian[(long)c * q->n + c];
  if (is_equality(q, c)) return 1.0;
  if (start) {
    double side = side_of(start, c);
    return isinf(limit_of(q, c, side)) ? 0.0 : side;
  }
  return rest < q->low[c] ? -1.0 : rest > q->high[c] ? 1.0 : 0.0;
}

/* Drop what is priced below zero. Returns how much that was. */
static int drop_negative(Qp *q) {
  int dropped = 0;
  for (int k = q->size - 1; k >= 0; k--)
    if (q->price[k] < 0.0 && !is_equality(q, q->member[k])) drop(q, k), dropped++;
  for (int s = 0; s < q->tail; s++) {
    if (q->fixed[s] == 0.0 || q->fixed_price[s] >= 0.0 || is_equality(q, q->dense + s)) continue;
    fix(q, q->dense + s, 0.0, 0.0), dropped++;
    gain_tail(q, s);
  }
  return dropped;
}

/* Put the equalities and a start into the working set, and drop what it prices below zero. */
static void begin(Qp *q, const double *start) {
  q->size = q->turns = 0;
  memset(q->place, 0, (q->n + q->m) * sizeof(int));
  memset(q->fixed, 0, q->tail_width * sizeof(double));
  for (int c = q->dense; c < q->n; c++) fix(q, c, first_side(q, c, start), 0.0);
  for (int pass = 0; pass < 2; pass++)
    for (int c = 0; c < q->n + q->m; c++) {
      double sign = pass == 0 ? is_equality(q, c) : side_of(start, c);
      if (sign == 0.0 || q->place[c] || isinf(limit_of(q, c, sign))) continue;
      make_normal(q, c, sign);
      enter(q, c, sign, 0.0);
    }
  solve_on_working_set(q);
  while (drop_negative(q)) solve_on_working_set(q);
}

/* Weights of violations: by how far a constraint lies off in the metric of the Hessian's diagonal.
   Without them twice as many members come and go. Slacks count for nothing: they give way. */
static void weigh(Qp *q) {
  double *rows = q->weight + padded(q->n), largest = 0.0;
  memset(q->weight, 0, (padded(q->n) + padded(q->m)) * sizeof(double));
  for (int j = 0; j < q->dense; j++) {
    const double *column = q->rows + (long)j * q->m;
    double inverse = 1.0 / q->hessian[(long)j * q->n + j];
    q->weight[j] = inverse, largest = fmax(largest, inverse);
    int i = 0;
    for (; i + WIDTH <= q->m; i += WIDTH) {
      lanes row = *(const lanes *)(column + i);
      *(lanes *)(rows + i) += inverse * row * row;
    }
    for (; i < q->m; i++) rows[i] += inverse * column[i] * column[i];
  }
  for (int i = 0; i < padded(q->n) + padded(q->m); i++)
    q->weight[i] = 1.0 / sqrt(q->weight[i] + LEAST * largest);
  q->weighed = 1;
}

/* The constraint that is violated most, or -1; its side and by how much. */
static int most_violated(Qp *q, double *sign, double *violation) {
  int found = -1;
  double worst = 0.0;
  for (int c = 0; c < q->n + q->m; c++) {
    if (q->place[c]) continue;
    double value = c < q->n ? q->x[c] : q->rows_x[c - q->n];
    double low = c < q->n ? q->low[c] : q->row_low[c - q->n];
    double high = c < q->n ? q->high[c] : q->row_high[c - q->n];
    double over = value > high ? value - high : low > value ? low - value : 0.0;
    if (over == 0.0 || over <= VIOLATED * (1.0 + fabs(value > high ? high : low))) continue;
    if (!q->weighed) weigh(q);
    double weighted = over * q->weight[c < q->n ? c : padded(q->n) + c - q->n];
    if (weighted > worst) {
      worst = weighted, found = c;
      *sign = value > high ? 1.0 : -1.0, *violation = over;
    }
  }
  return found;
}

/* Bring one violated constraint into the working set; members that block leave it. */
static int satisfy(Qp *q, int c, double sign, double violation) {
  double price = 0.0;
  make_normal(q, c, sign);
  while (q->iterations++ < q->limit) {
    double left = project(q), full = left > 0.0 ? violation / left : INFINITY, length = full;
    int blocking = -1;
    for (int k = 0; k < q->size; k++) {
      if (q->step[k] <= STEP || is_equality(q, q->member[k])) continue;
      if (q->price[k] < length * q->step[k])
        length = fmax(q->price[k], 0.0) / q->step[k], blocking = k;
    }
    for (int s = 0; s < q->tail; s++) {
      if (q->fixed[s] == 0.0 || q->fixed_step[s] <= STEP || is_equality(q, q->dense + s)) continue;
      if (q->fixed_price[s] < length * q->fixed_step[s])
        length = fmax(q->fixed_price[s], 0.0) / q->fixed_step[s], blocking = q->size + s;
    }
    if (isinf(length)) {
      if (!q->turns) return INFEASIBLE;
      if (rebuild(q)) return INACCURATE; /* what turned often has lost digits: once more */
      continue;
    }
    for (int k = 0; k < q->size; k++) q->price[k] -= length * q->step[k];
    for (int s = 0; s < q->tail; s++)
      if (q->fixed[s] != 0.0) q->fixed_price[s] -= length * q->fixed_step[s];
    price += length;
    if (left > 0.0) {
      backward(q, q->direction);
      for (int j = 0; j < q->dense; j++) q->x[j] -= length * q->direction[j];
      for (int s = 0; s < q->tail; s++)
        q->x[q->dense + s] -= length * q->tail_direction[s] * q->inverse_root[s];
      violation -= length * left;
    }
    if (blocking < 0 && !is_tail_bound(q, c)) {
      append(q, c, sign, price, left);
      return OPTIMAL;
    }
    if (blocking < 0) {
      fix(q, c, sign, price);
      q->x[c] = sign * limit_of(q, c, sign);
      return lose_tail(q, c - q->dense) && rebuild(q) ? INACCURATE : OPTIMAL;
    }
    if (blocking < q->size) {
      drop(q, blocking);
      continue;
    }
    fix(q, q->dense + blocking - q->size, 0.0, 0.0);
    gain_tail(q, blocking - q->size);
  }
  return ITERATION_LIMIT;
}

/* Take negative prices of inequalities for zero. Returns the largest one. */
static double clear_prices(Qp *q) {
  double worst = 0.0;
  for (int k = 0; k < q->size; k++) {
    if (is_equality(q, q->member[k])) continue;
    worst = fmax(worst, -q->price[k]), q->price[k] = fmax(q->price[k], 0.0);
  }
  for (int s = 0; s < q->tail; s++) {
    if (q->fixed[s] == 0.0 || is_equality(q, q->dense + s)) continue;
    worst = fmax(worst, -q->fixed_price[s]), q->fixed_price[s] = fmax(q->fixed_price[s], 0.0);
  }
  return worst;
}

/* Go on from the last working set: the limits of rows alone have changed since. */
static void go_on(Qp *q) {
  solve_on_working_set(q);
  while (drop_negative(q)) solve_on_working_set(q);
}

/* Satisfy what the point of the working set violates, one after the other. */
static int completed(Qp *q) {
  double sign = 0.0, violation = 0.0, size = 1.0;
  for (int j = 0; j < q->n; j++) size = fmax(size, fabs(q->gradient[j]));
  for (int round = 0; round < ROUNDS; round++) {
    for (int c; (c = most_violated(q, &sign, &violation)) >= 0; evaluate_rows(q)) {
      int status = satisfy(q, c, sign, violation);
      if (status != OPTIMAL) return status;
    }
    double rest = polish(q);
    if (!(rest <= SETTLED * size)) rest = polish(q);
    int exact = fmax(rest, clear_prices(q)) <= ACCURATE * size;
    if (most_violated(q, &sign, &violation) < 0 && exact) return OPTIMAL;
    if (q->turns && rebuild(q)) return INACCURATE;
  }
  return INACCURATE;
}

static int checked_limits(const Qp *q) {
  int status = OPTIMAL;
  for (int c = 0; c < q->n + q->m; c++) {
    double low = -limit_of(q, c, -1.0), high = limit_of(q, c, 1.0);
    if (isnan(low) || isnan(high)) return NOT_FINITE;
    if (low > high || low == INFINITY || high == -INFINITY) status = INFEASIBLE;
  }
  return status;
}

/* Of gradient and limits. */
static int checked_vectors(const Qp *q) {
  return all_finite(q->gradient, q->n) ? checked_limits(q) : NOT_FINITE;
}

static int checked(const Qp *q) {
  long n = q->n, m = q->m;
  if (!all_finite(q->hessian, n * n) || !all_finite(q->rows, m * n)) return NOT_FINITE;
  return checked_vectors(q);
}

/* Take sizes and arrays, and factorise the Hessian. */
static int prepare(Qp *q, const double **arg, double *memory) {
  q->n = (int)arg[0][0], q->m = (int)arg[0][1], q->limit = (int)arg[0][2];
  q->hessian = arg[1], q->gradient = arg[2], q->rows = arg[3], q->row_low = arg[4];
  q->row_high = arg[5], q->low = arg[6], q->high = arg[7];
  if (room(q, memory) > (long)arg[0][3]) return NO_ROOM;
  int status = checked(q);
  if (status != OPTIMAL) return status;
  q->dense = coupled(q), q->width = padded(q->dense);
  q->tail = q->n - q->dense, q->tail_width = padded(q->tail);
  memset(q->tail_direction, 0, q->tail_width * sizeof(double));
  collect_tail(q);
  q->weighed = 0;
  return factorise_hessian(q) ? OPTIMAL : NOT_CONVEX;
}

static void tell(const Qp *q, double **res, int status, int warm) {
  double nothing = status == OPTIMAL ? 0.0 : NAN;
  for (int i = 0; i < q->m; i++) res[1][i] = nothing;
  for (int j = 0; j < q->n; j++) {
    res[0][j] = status == OPTIMAL ? q->x[j] : NAN;
    res[2][j] = nothing;
  }
  memset(res[3], 0, (q->n + q->m) * sizeof(double));
  for (int k = 0; status == OPTIMAL && k < q->size; k++) {
    int c = q->member[k];
    double price = q->sign[k] * q->price[k];
    if (c < q->n) res[2][c] = price;
    else res[1][c - q->n] = price;
    res[3][c] = q->sign[k];
  }
  for (int s = 0; status == OPTIMAL && s < q->tail; s++) {
    if (q->fixed[s] == 0.0) continue;
    res[2][q->dense + s] = q->fixed[s] * q->fixed_price[s];
    res[3][q->dense + s] = q->fixed[s];
  }
  res[4][0] = status, res[4][1] = q->iterations, res[4][2] = warm;
}

/* From a start; where it misleads, from nothing. Returns the status, and whether it was used. */
static int solved_from(Qp *q, const double *start, int *warm) {
  *warm = 0, q->iterations = 0;
  for (int c = 0; c < q->n + q->m; c++) *warm = *warm || side_of(start, c) != 0.0;
  begin(q, *warm ? start : NULL);
  int status = completed(q);
  if (status == OPTIMAL || !*warm) return status;
  *warm = 0, q->iterations = 0;
  begin(q, NULL);
  return completed(q);
}

/* Arguments: n, m, iterations, numbers in memory, what is that of the last call (0: nothing;
   1: hessian and rows; 2: all but the limits of rows); hessian, gradient, rows by column, row_low,
   row_high, low, high; start: side of each bound and row, 0 outside the working set.
   Results: x, row and bound prices, the working set, (status, iterations, warm), memory, which
   begins with the state of the method; zero before the first call.
   Without a solution x and the prices are NaN. */
static int dense_qp_body(const double **arg, double **res, double *unused) {
  Qp *q = (Qp *)res[5];
  int status = NO_ROOM, warm = 0, same = q->solved ? (int)arg[0][4] : 0;
  (void)unused;
  q->iterations = q->solved = 0;
  if (same == 2 && (status = checked_limits(q)) == OPTIMAL) go_on(q), status = completed(q);
  if (same != 2 || status != OPTIMAL) {
    status = same == 1 ? checked_vectors(q) : prepare(q, arg, res[5] + STATE);
    if (status == OPTIMAL) status = solved_from(q, arg[8], &warm);
  }
  q->solved = status == OPTIMAL;
  tell(q, res, status, warm);
  return 0;
}
