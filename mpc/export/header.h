/* One cycle of a model predictive controller, written by Operator Agent.

   All values are SI. The memory is static: one controller for each compiled object, one call at a
   time. A move is a proposal: what writes it to a device checks it again by itself. */
#ifndef MODEL_H
#define MODEL_H

MODEL_SIZES
typedef enum {
  MODEL_MOVE = 0, /* u holds the move */
  /* There is no move, here and below: u is left as it was. */
  MODEL_NOT_FINITE,
  MODEL_LIMITS_CONFLICT,
  MODEL_QP_FAILED,
  MODEL_DOUBTFUL,
} MODEL(result);

/* Find the next move, from the plan of the last call where that gave one.

   x: state now; u_held: set points that hold; d: disturbances; y_wanted: references of the outputs
   at the end of each stage, stage by stage; u_wanted: where MVs rest; bias: measured minus modelled
   outputs. u: the move. */
MODEL(result) MODEL(step)(const double *x, const double *u_held, const double *d,
                          const double *y_wanted, const double *u_wanted, const double *bias,
                          double *u);

/* Forget the last plan: the next call starts from held set points. */
void MODEL(reset)(void);

/* What a result means. */
const char *MODEL(reason)(MODEL(result) result);
#endif
