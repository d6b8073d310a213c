/* The cycle of a controller: the same steps as `mpc.solve`, on memory of fixed size.

   The kernels above work on arrays that are bound to them by tables of pointers; the numbers of the
   problem stand before them as constants, and the model in a file of its own. */

#define ROOM(count) ((count) + 8) /* no array is empty, and lanes may read a little further */
#define MOVES (N_BLOCKS * N_U)
#define places_first (places + 4 * N_ROWS + N_RATED) /* first MV of each stage's block */
#define WIDE ((MOVES + 7) / 8 * 8)
#define WIDE_QP ((N_V + 7) / 8 * 8)
#define STEP_ROOM (4 * N_V * WIDE_QP + 17 * WIDE_QP + 4 * N_M * N_V + 10 * (N_V + N_M) + 400)
#define MAX_CALLS 12
#define INNER_TOLERANCE 1e-7
#define CLIP_TOLERANCE 1e-5
#define MAX_RESIDUAL 1e-3
#define GOOD_OPTIMALITY 1e-6
#define COST_TOLERANCE 1e-6
#define SMALL_STEP 1e-4
#define ENOUGH 0.5
#define SHRINK 0.25
#define FIRST_REACH 1.0
#define FARTHEST_REACH 4.0
#define TINY 1e-12
#define MAX_RETRIES 3
#define MAX_STALLS 3
#define MAX_CORRECTIONS 3

typedef struct {
  double blocks[ROOM(MOVES)], states[ROOM((N_PRED + 1) * N_X)], outputs[ROOM(N_PRED * N_Y)];
  double inner[ROOM(N_PRED * N_W)], cost;
} Course;

static double hessian[ROOM(N_V * N_V)], gradient[ROOM(N_V)], rows[ROOM(N_M * N_V)];
static double row_low[ROOM(N_M)], row_high[ROOM(N_M)], low[ROOM(N_V)], high[ROOM(N_V)];
static double wanted_high[ROOM(N_M)];
static double solution[ROOM(N_V)], row_prices[ROOM(N_M)], bound_prices[ROOM(N_V)];
static double working_set[ROOM(N_V + N_M)], start_set[ROOM(N_V + N_M)], report[3];
static double qp_memory[STATE + STEP_ROOM], write_memory[(MOVES + 9) * WIDE + 8];
static double slack_memory[ROOM(N_SLACKS)], residual_memory[ROOM(N_V + N_M)];
static double now[ROOM(4 * N_U + N_Y + N_PRED * N_Y)], reach[2];
static double state_now[ROOM(N_X)], disturbance[ROOM(N_D)];
static double x_x[ROOM(N_PRED * N_X * N_X)], x_u[ROOM(N_PRED * N_X * N_U)];
static double y_x[ROOM(N_PRED * N_Y * N_X)], y_u[ROOM(N_PRED * N_Y * N_U)];
static double of_states[ROOM(N_PRED * N_X * MOVES)], of_outputs[ROOM(N_PRED * N_Y * MOVES)];
static double map_memory[(2 * N_X + N_Y) * WIDE + 8];
static double work[ROOM(W_SIZE)];
static long long integers[ROOM(IW_SIZE)];
static Course plan, trial, best, full_course;
static double kept_solution[ROOM(N_V)], kept_set[ROOM(N_V + N_M)];
static int made, known, stalls;

static const double grid_sizes[] = {N_PRED, N_BLOCKS, N_U, N_Y, N_ROWS, N_SLACKS, N_RATED};
static const double map_sizes[] = {N_PRED, N_X, N_U, N_Y, MOVES};
static const double measure_sizes[] = {N_V, MOVES};
static const double residual_sizes[] = {N_V, N_M};
static double qp_sizes[] = {N_V, N_M, 20.0 * N_V, STEP_ROOM, 0.0};

static Problem grid(void) {
  const double *arg[] = {grid_sizes, places, fixed, now};
  return problem_of(arg);
}

/* The parts of the QP that never change. */
static void make(void) {
  Problem q = grid();
  for (int r = 0; r < N_M; r++) row_low[r] = -INFINITY, row_high[r] = INFINITY;
  for (int j = 0; j < N_V; j++) low[j] = j < MOVES ? -INFINITY : 0.0, high[j] = INFINITY;
  for (int r = 0; r < N_ROWS; r++) rows[(long)(MOVES + (int)q.slack[r]) * N_M + r] = -1.0;
  for (int b = 0, r = N_ROWS; b + 1 < N_BLOCKS; b++)
    for (int i = 0; i < N_RATED; i++, r++) {
      int j = b * N_U + (int)q.rated[i];
      rows[(long)j * N_M + r] = -1.0, rows[(long)(j + N_U) * N_M + r] = 1.0;
    }
  made = 1;
}

/* One stage: the state after it and its outputs, with derivatives where they are wanted. */
static int advance(int k, const double *x, const double *u, double *inner, double *after, double *y,
                   int derivatives) {
  double solved[ROOM(N_W)], left[1];
  const double *arg[ARG_SIZE] = {x, u, disturbance, inner};
  double *res[RES_SIZE] = {after, solved, left};
  int calls = 0;
  do {
    if (advances[kinds[k]](arg, res, integers, work, 0)) return 0;
    memcpy(inner, solved, N_W * sizeof(double));
  } while (!(left[0] < INNER_TOLERANCE) && left[0] < INFINITY && ++calls < MAX_CALLS);
  if (!(left[0] < INNER_TOLERANCE) || !all_finite(after, N_X)) return 0;
  const double *at_end[ARG_SIZE] = {after, u, disturbance};
  double *outputs[RES_SIZE] = {y, y_x + (long)k * N_X * N_Y, y_u + (long)k * N_U * N_Y};
  if (!derivatives) return !MODEL(outputs)(at_end, outputs, integers, work, 0);
  double *slopes[RES_SIZE] = {x_x + (long)k * N_X * N_X, x_u + (long)k * N_U * N_X};
  return !sensitivities[kinds[k]](arg, slopes, integers, work, 0) &&
         !MODEL(output_slopes)(at_end, outputs, integers, work, 0);
}

static double cost_of(const Course *c) {
  double biased[ROOM(N_PRED * N_Y)], found[2];
  const double *bias = grid().bias;
  for (int i = 0; i < N_PRED * N_Y; i++) biased[i] = c->outputs[i] + bias[i % N_Y];
  const double *arg[] = {grid_sizes, places, fixed, now, c->blocks, biased};
  double *res[] = {found, slack_memory};
  plan_cost_body(arg, res, 0);
  return found[0];
}

/* Predict a course from its blocks and guesses; 0 where the model diverges. */
static int predict(Course *c, int derivatives) {
  memcpy(c->states, state_now, N_X * sizeof(double));
  for (int k = 0; k < N_PRED; k++) {
    const double *u = c->blocks + (int)places_first[k];
    if (!advance(k, c->states + k * N_X, u, c->inner + k * N_W, c->states + (k + 1) * N_X,
                 c->outputs + k * N_Y, derivatives))
      return 0;
  }
  c->cost = cost_of(c);
  return all_finite(&c->cost, 1);
}

/* The course after a part of the QP's change of the blocks, guessed from another one. */
static int tried(Course *c, double length, const Course *near) {
  for (int i = 0; i < MOVES; i++) c->blocks[i] = plan.blocks[i] + length * solution[i];
  memcpy(c->inner, near->inner, sizeof c->inner);
  return predict(c, 0);
}

static int pays(const Course *c) {
  return c->cost <= plan.cost + COST_TOLERANCE * (1.0 + fabs(plan.cost));
}

static void write_qp_of_plan(void) {
  const double *matrices[] = {map_sizes, places_first, x_x, x_u, y_x, y_u};
  double *responses[] = {of_states, of_outputs, map_memory};
  map_condense_body(matrices, responses, 0);
  const double *arg[] = {grid_sizes,  places,       fixed,      now,
                         plan.blocks, plan.outputs, of_outputs, reach};
  double *res[] = {hessian, gradient, rows, row_low, row_high, low, high, write_memory};
  write_qp_body(arg, res, 0);
}

static double optimality(void) {
  double found[1];
  const double *arg[] = {residual_sizes, hessian, gradient, rows,       row_low,     row_high,
                         low,            high,    solution, row_prices, bound_prices};
  double *res[] = {found, residual_memory};
  qp_residual_body(arg, res, 0);
  return found[0];
}

/* Solve the QP from the start set, with the factors of the last call where they still hold. */
static int solve_qp(int again) {
  const double *arg[] = {qp_sizes, hessian, gradient, rows, row_low, row_high, low, high, start_set};
  double *res[] = {solution, row_prices, bound_prices, working_set, report, qp_memory};
  qp_sizes[4] = 2 * again;
  dense_qp_body(arg, res, 0);
  memcpy(start_set, working_set, sizeof start_set);
  return report[0] == OPTIMAL && all_finite(solution, N_V);
}

/* What the QP promises to gain, how steep the plan is, and the largest move. */
static void measured(double *gain, double *slope, double *size) {
  double found[5];
  const double *arg[] = {measure_sizes, hessian, gradient, solution};
  double *res[] = {found};
  Problem q = grid();
  qp_measure_body(arg, res, 0);
  double biased[ROOM(N_PRED * N_Y)];
  for (int i = 0; i < N_PRED * N_Y; i++) biased[i] = plan.outputs[i] + q.bias[i % N_Y];
  *gain = found[0] - q.levenberg[0] * found[4] - slack_cost(&q, biased, slack_memory);
  *slope = found[1] / (1.0 + found[2]), *size = found[3];
}

/* Full steps to limits moved by what the last prediction differs from the straight one; the best
   one that costs less than `least` goes to `best`. Returns whether there is one. */
static int corrected(double least, double enough) {
  Problem q = grid();
  int found = 0;
  memcpy(wanted_high, row_high, sizeof row_high);
  for (int count = 0; count < MAX_CORRECTIONS; count++) {
    for (int r = 0; r < N_ROWS; r++) {
      long place = (long)q.stage[r] * N_Y + (long)q.cv[r];
      double straight = dot_any(of_outputs + place * MOVES, solution, MOVES);
      double bent = full_course.outputs[place] - plan.outputs[place] - straight;
      row_high[r] = wanted_high[r] - q.sign[r] * bent;
    }
    if (!solve_qp(1) || !(optimality() < GOOD_OPTIMALITY) || !tried(&trial, 1.0, &full_course))
      break;
    full_course = trial;
    if (trial.cost < least) {
      best = trial, least = trial.cost, found = 1;
      memcpy(kept_solution, solution, sizeof solution);
      memcpy(kept_set, working_set, sizeof working_set);
    }
    if (trial.cost < enough) break;
  }
  memcpy(row_high, wanted_high, sizeof row_high);
  return found;
}

/* Go along the QP's direction as far as it pays. Returns the length; `best` is the course. */
static double stepped(double gain) {
  static const double shorter[] = {0.5, 0.2};
  int predicted = tried(&full_course, 1.0, &plan);
  if (predicted && pays(&full_course)) {
    best = full_course;
    return 1.0;
  }
  double length = 0.0;
  best = plan;
  for (int i = 0; i < 2 && length == 0.0; i++)
    if (tried(&trial, shorter[i], &plan) && pays(&trial)) best = trial, length = shorter[i];
  memcpy(kept_solution, solution, sizeof solution);
  memcpy(kept_set, working_set, sizeof working_set);
  double enough = plan.cost + ENOUGH * (gain < 0.0 ? gain : 0.0);
  if (predicted && N_ROWS && corrected(best.cost, enough)) length = 1.0;
  memcpy(solution, kept_solution, sizeof solution);
  memcpy(start_set, kept_set, sizeof start_set);
  return length;
}

static double held_inside(double value, double least, double most) {
  return value < least ? least : value > most ? most : value;
}

/* Blocks that keep limits and rates: the nearest, one after the other. */
static void fit(double *blocks) {
  Problem q = grid();
  for (int i = 0; i < MOVES; i++) {
    double least = i < N_U ? q.first_low[i] : q.low[i], most = i < N_U ? q.first_high[i] : q.high[i];
    if (i >= N_U) {
      double change = q.changes[i - N_U], before = blocks[i - N_U];
      least = fmax(least, before - change), most = fmin(most, before + change);
    }
    blocks[i] = held_inside(blocks[i], least, most);
  }
}

static void shift(double *values, int count, int width, const double *part) {
  for (int i = 0; i + 1 < count; i++)
    for (int j = 0; j < width; j++) {
      double *value = values + (long)i * width + j;
      *value += part[i] * (value[width] - *value);
    }
}

/* Begin with the last plan moved on by a cycle, or with held set points. */
static int begin_plan(void) {
  Problem q = grid();
  known = known && stalls < MAX_STALLS;
  if (known) {
    double moved[ROOM(N_V + N_M)];
    shift(plan.blocks, N_BLOCKS, N_U, block_part);
    shift(plan.inner, N_PRED, N_W, stage_part);
    for (int i = 0; i < N_V + N_M; i++) moved[i] = start_set[SHIFTED ? next[i] : i];
    memcpy(start_set, moved, sizeof start_set);
    fit(plan.blocks);
    if (predict(&plan, 1)) return 1;
  }
  known = 0, stalls = 0;
  memset(start_set, 0, sizeof start_set);
  memset(plan.inner, 0, sizeof plan.inner);
  for (int i = 0; i < MOVES; i++) plan.blocks[i] = q.held[i % N_U];
  fit(plan.blocks);
  return predict(&plan, 1);
}

/* One iteration. Returns what went wrong, and whether another one is wanted. */
static MODEL(result) iterated(int number, double *residual, double *length, int *more) {
  double gain, slope, size, before = plan.cost;
  write_qp_of_plan();
  int solved = solve_qp(0);
  *residual = optimality();
  if (!solved || !(*residual < GOOD_OPTIMALITY)) {
    memset(start_set, 0, sizeof start_set);
    solved = solve_qp(0), *residual = optimality();
  }
  if (!solved) return MODEL_QP_FAILED;
  measured(&gain, &slope, &size);
  *length = stepped(gain);
  double mismatch = fabs(best.cost - before - gain) / fmax(fmax(fabs(gain), fabs(best.cost)), TINY);
  plan = best;
  double times = number > 0 ? LATER : 1.0;
  if (TOLERANCE > 0.0) *more = !(size < TOLERANCE && slope < TOLERANCE);
  else *more = !(size < SMALL_STEP) &&
               !(known && *length == 1.0 && size < times * SHORT_STEP && mismatch < times * MISMATCH);
  return MODEL_MOVE;
}

/* Put the plan back into the model's own equations, in SI. Returns the largest scaled defect. */
static double defect(const double *x) {
  double worst = 0.0, gap[ROOM(N_X + N_W)], before[ROOM(N_X)], after[ROOM(N_X)], u[ROOM(N_U)];
  for (int i = 0; i < N_X; i++) worst = larger(worst, fabs(plan.states[i] - x[i] / x_scale[i]));
  for (int k = 0; k < N_PRED; k++) {
    for (int i = 0; i < N_X; i++) {
      before[i] = plan.states[k * N_X + i] * x_scale[i];
      after[i] = plan.states[(k + 1) * N_X + i] * x_scale[i];
    }
    for (int j = 0; j < N_U; j++) u[j] = plan.blocks[(int)places_first[k] + j] * u_scale[j];
    const double *arg[ARG_SIZE] = {before, after, u, disturbance, plan.inner + k * N_W};
    double *res[RES_SIZE] = {gap};
    if (audits[kinds[k]](arg, res, integers, work, 0)) return INFINITY;
    for (int i = 0; i < N_GAPS; i++) worst = larger(worst, fabs(gap[i]));
  }
  return worst;
}

/* Take the inputs into scaled numbers. Returns whether they make a problem. */
static MODEL(result) taken_in(const double *x, const double *u_held, const double *d,
                              const double *y_wanted, const double *u_wanted, const double *bias) {
  double *at = now;
  if (!all_finite(x, N_X) || !all_finite(u_held, N_U) || !all_finite(d, N_D) || !all_finite(bias, N_Y) ||
      !all_finite(y_wanted, N_PRED * N_Y) || !all_finite(u_wanted, N_U))
    return MODEL_NOT_FINITE;
  for (int i = 0; i < N_X; i++) state_now[i] = x[i] / x_scale[i];
  for (int i = 0; i < N_D; i++) disturbance[i] = d[i];
  for (int j = 0; j < N_U; j++) *at++ = u_held[j] / u_scale[j];
  for (int j = 0; j < N_U; j++) *at++ = u_wanted[j] / u_scale[j];
  for (int j = 0; j < N_U; j++) *at++ = fmax(u_low[j], u_held[j] - u_change[j]) / u_scale[j];
  for (int j = 0; j < N_U; j++) *at++ = fmin(u_high[j], u_held[j] + u_change[j]) / u_scale[j];
  for (int i = 0; i < N_Y; i++) *at++ = bias[i] / y_scale[i];
  for (int i = 0; i < N_PRED * N_Y; i++) *at++ = y_wanted[i] / y_scale[i % N_Y];
  for (int j = 0; j < N_U; j++)
    if (now[2 * N_U + j] > now[3 * N_U + j]) return MODEL_LIMITS_CONFLICT;
  return MODEL_MOVE;
}

/* The first move within its limits; it may lie outside by rounding only. */
static MODEL(result) first_move(const double *u_held, double *u) {
  double found[ROOM(N_U)];
  for (int j = 0; j < N_U; j++) {
    double asked = plan.blocks[j] * u_scale[j];
    double least = fmax(u_low[j], u_held[j] - u_change[j]);
    double most = fmin(u_high[j], u_held[j] + u_change[j]);
    found[j] = held_inside(asked, least, most);
    if (!(fabs(found[j] - asked) <= CLIP_TOLERANCE * u_scale[j])) return MODEL_LIMITS_CONFLICT;
  }
  memcpy(u, found, N_U * sizeof(double));
  return MODEL_MOVE;
}

void MODEL(reset)(void) { known = 0, stalls = 0; }

MODEL(result) MODEL(step)(const double *x, const double *u_held, const double *d,
                          const double *y_wanted, const double *u_wanted, const double *bias,
                          double *u) {
  if (!made) make();
  MODEL(result) result = taken_in(x, u_held, d, y_wanted, u_wanted, bias);
  double residual = 0.0, length = 0.0;
  int more = 1, retries = 0;
  if (result == MODEL_MOVE && !begin_plan()) result = MODEL_NOT_FINITE;
  reach[0] = AFFINE ? INFINITY : known ? FARTHEST_REACH : FIRST_REACH;
  int limit = known ? ITERATIONS : COLD_ITERATIONS;
  for (int i = 0; result == MODEL_MOVE && more && i < limit + retries; i++) {
    if (i > 0 && !predict(&plan, 1)) result = MODEL_NOT_FINITE;
    else result = iterated(i, &residual, &length, &more);
    if (result != MODEL_MOVE) break;
    if (length == 0.0 && retries++ == MAX_RETRIES) break;
    reach[0] = length == 0.0 ? SHRINK * reach[0] : fmin(FARTHEST_REACH, reach[0] / SHRINK);
  }
  stalls = length == 0.0 && more ? stalls + 1 : 0;
  if (result == MODEL_MOVE && !(larger(defect(x), residual) <= MAX_RESIDUAL)) result = MODEL_DOUBTFUL;
  if (result == MODEL_MOVE) result = first_move(u_held, u);
  known = result == MODEL_MOVE;
  return result;
}

const char *MODEL(reason)(MODEL(result) result) {
  static const char *const reasons[] = {
      "a move",
      "a number is NaN or infinite, or the model's prediction diverged",
      "no move satisfies all limits and rates of the MVs",
      "the quadratic problem was not solved",
      "the plan misses the model's equations or an optimum of its quadratic problem",
  };
  return result >= 0 && result <= 4 ? reasons[result] : "no such result";
}
