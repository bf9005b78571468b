/* The compiled kernel: the passes of propagate.py and the subset programme of noisy_or_layer.py in C.

   Optional, and held to the same tests. `passes.c` runs the passes, `subsets.c` the subset programme, `module.c` is what
   Python sees. A plan points at the arrays of a Structure (kept alive by their Python owner); between calls it keeps
   room to work in and its last answer, nothing else.

   Stable ABI of Python 3.10: one file serves every later version. */

#ifndef DDX_KERNEL_H
#define DDX_KERNEL_H

#define Py_LIMITED_API 0x030A0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__GNUC__)
#error "the vectors of GCC or Clang are needed; ddx works without this module"
#endif

#define PACK 8        /* lanes of a vector */
#define MOST_PACKS 4  /* vectors side by side where the messages stay small, one where they do not */
#define MOST_LANES (PACK * MOST_PACKS)
#define WIDE_BELOW 40000      /* messages */

#if defined(__x86_64__) && defined(__linux__) && !defined(__clang__)
#define CLONED __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define CLONED
#endif
#define INLINE static inline __attribute__((always_inline))
#define RESTRICT __restrict__

typedef struct {
    double *message, *reached; /* (messages, width) */
    double *scale;             /* (cliques, width) what the values of a clique were divided by */
    double *values;            /* (entries,) what all lanes share of the product of an entry */
    double log_scale[MOST_LANES];
    int room, width;           /* lanes there is room for, lanes that run now: PACK or MOST_LANES */
    int64_t *shared, *own;     /* (most inputs,) inputs that are the same in all lanes, and those that differ */
    const double **from;       /* (most inputs,) where the message of each shared input begins: place 0 of the buffer */
    int64_t *apart;            /* (most inputs,) how far apart its numbers are */
    const double **given;      /* (nodes,) the message of a switched node where all lanes share it, else NULL */
    char *busy;                /* (cliques,) something was observed here or below */
    char *seen;                /* (nodes,) something was observed of the node */
    char *differs;             /* (nodes,) not in all lanes the same */
    char *split;               /* (cliques,) something here or below is not in all lanes the same */
} Work;

typedef struct {
    int64_t nodes, cliques, states, messages, entries, most_inputs;
    const int64_t *node_start, *entry_start, *message_start, *segment_start, *map_start;
    const int32_t *parent, *input_count, *maps, *node_clique, *node_input, *child_input;
    const double *potentials;
    int64_t wanted;       /* the first so many nodes are answered; the others, switched on or off, only weigh */
    int64_t *owner_start; /* (cliques + 1,) into owner and told */
    int32_t *owner;       /* of each input: the node that it is the likelihood of, or -1 - the child clique */
    int32_t *told;        /* the inputs of each clique that lead to a wanted node */
    int32_t *told_count;  /* (cliques,) */
    PyObject *index;      /* node -> (number of the node, {state: number of the state}) */
    PyObject *names;      /* (node, ...) */
    PyObject *labels;     /* ((state, ...), ...) */
    PyObject *kind, *said; /* the type of an answer, and what is said with each: (log evidence's name, name, value, ...) */
    PyObject *asked;      /* the last evidence answered, as (node, state, node, state, ...) */
    PyObject *answered;   /* its answer */
    Work own, wide;       /* room for one case and for many lanes, used again and again */
    int own_made, own_busy, wide_made, wide_busy;
} Plan;

/* Tables that lanes switch on: `modes` (switches, lanes) says which table of a switched node, -1 for none. */
typedef struct {
    const double *tables;
    const int64_t *starts, *modes; /* where the first table of a switched node begins; they follow one another */
} Switches;

typedef struct {
    int64_t size, causes; /* 2^present findings */
    const double *absent, *present, *weight;
    const int64_t *link_start, *bit;
} Subsets;

int work_make(Work *w, const Plan *p, int room); /* for one lane, PACK or MOST_LANES; 0 where there is no memory */
void work_free(Work *w);

/* likelihood (states, lanes) -> marginals (states, lanes), log evidence (lanes,); states are those of wanted nodes */
void run_lanes(const Plan *p, Work *w, const double *likelihood, const Switches *given, double *marginals,
               double *log_evidence, int64_t lanes);

/* observed (cases, nodes), -1 where not observed -> marginals (cases, states), log evidence (cases,) */
void run_batch(const Plan *p, Work *w, const int64_t *observed, double *marginals, double *log_evidence, int64_t cases);

/* One case, whose likelihoods stand in `message` and observed nodes in `seen`; its marginals are in `reached`. */
void pass_one(const Plan *p, Work *w, double *log_evidence);

/* forward (causes, size) and made, after (size,) are room to work in; found (causes,) gets the posteriors. */
double run_subsets(const Subsets *s, const double *start, double *forward, double *made, double *after, double *found);

#endif
