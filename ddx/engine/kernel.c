/* The passes of propagate.py in C: optional, and held to the same tests.

   A plan points at the arrays of a Structure (kept alive by their Python owner). `lanes` and `batch` run many cases
   side by side, without the interpreter's lock; `query` reads one case from a dict of states and answers with a dict
   of dicts, or None where Python has to look at the case itself. Between calls a plan keeps room to work in and its
   last answer, nothing else.

   Stable ABI of Python 3.10: one file serves every later version. */

#define Py_LIMITED_API 0x030A0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
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
#define RESCALED_BELOW 1e-100 /* as in propagate.py */

#if defined(__x86_64__) && defined(__linux__) && !defined(__clang__)
#define CLONED __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define CLONED
#endif
#define INLINE static inline __attribute__((always_inline))
#define RESTRICT __restrict__
#define EACH(b, packs) _Pragma("GCC unroll 4") for (int b = 0; b < (packs); b++)

typedef double Pack __attribute__((vector_size(sizeof(double) * PACK), aligned(sizeof(double)), may_alias));

typedef struct {
    double *message, *reached; /* (messages, width) */
    double *scale;             /* (cliques, width) what the values of a clique were divided by */
    double *values;            /* (entries,) what all lanes share of the product of an entry */
    double log_scale[MOST_LANES];
    int width;                 /* lanes */
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

static void work_free(Work *w)
{
    free(w->message); free(w->reached); free(w->scale); free(w->values); free(w->shared); free(w->own);
    free((void *)w->from); free(w->apart); free((void *)w->given); free(w->busy); free(w->seen); free(w->differs); free(w->split);
}

static int work_make(Work *w, const Plan *p, int width)
{
    w->width = width;
    w->message = malloc(sizeof(double) * p->messages * width);
    w->reached = malloc(sizeof(double) * p->messages * width);
    w->scale = malloc(sizeof(double) * p->cliques * width);
    w->values = malloc(sizeof(double) * p->entries);
    w->shared = malloc(sizeof(int64_t) * (p->most_inputs + 1));
    w->own = malloc(sizeof(int64_t) * (p->most_inputs + 1));
    w->from = malloc(sizeof(double *) * (p->most_inputs + 1));
    w->apart = malloc(sizeof(int64_t) * (p->most_inputs + 1));
    w->given = calloc(p->nodes + 1, sizeof(double *));
    w->busy = malloc(p->cliques);
    w->seen = malloc(p->nodes + 1);
    w->differs = calloc(p->nodes + 1, 1);
    w->split = malloc(p->cliques);
    if (w->message && w->reached && w->scale && w->values && w->shared && w->own && w->from && w->apart && w->given &&
        w->busy && w->seen && w->differs && w->split)
        return 1;
    work_free(w);
    return 0;
}

/* Which cliques must be visited on the way up, and in which of them the lanes part. */
static void mark_busy(const Plan *p, Work *w)
{
    memset(w->busy, 0, p->cliques);
    memset(w->split, 0, p->cliques);
    for (int64_t n = 0; n < p->nodes; n++)
        if (w->seen[n]) {
            w->busy[p->node_clique[n]] = 1;
            w->split[p->node_clique[n]] |= w->differs[n];
        }
    for (int64_t c = p->cliques - 1; c > 0; c--)
        if (w->busy[c]) {
            w->busy[p->parent[c]] = 1;
            w->split[p->parent[c]] |= w->split[c];
        }
}

/* The inputs of a clique whose messages are not all ones: first those that all lanes share, then the others. */
static void used_inputs(const Plan *p, int64_t c, const Work *w, int64_t *shared, int64_t *own, const int64_t width)
{
    const int32_t *owner = p->owner + p->owner_start[c];
    *shared = *own = 0;
    for (int64_t k = 0; k < p->input_count[c]; k++) {
        const int32_t o = owner[k];
        if (!(o >= 0 ? w->seen[o] : w->busy[-1 - o])) continue;
        if (o >= 0 ? w->differs[o] : w->split[-1 - o]) w->own[(*own)++] = k;
        else {
            const int given = o >= 0 && w->given[o];
            w->from[*shared] = given ? w->given[o] - p->node_start[o] : w->message;
            w->apart[*shared] = given ? 1 : width;
            w->shared[(*shared)++] = k;
        }
    }
}

/* What all lanes share of an entry's product. */
INLINE double shared_value(const Work *w, const int32_t *row, int64_t count, double value)
{
    double other = 1.0;
    int64_t k = 0;
    for (; k + 1 < count; k += 2) {
        value *= w->from[k][row[w->shared[k]] * w->apart[k]];
        other *= w->from[k + 1][row[w->shared[k + 1]] * w->apart[k + 1]];
    }
    if (k < count) value *= w->from[k][row[w->shared[k]] * w->apart[k]];
    return value * other;
}

INLINE void own_values(Pack *value, double shared, const int32_t *row, const int64_t *own, int64_t count,
                       const Pack *RESTRICT message, const int packs)
{
    EACH(b, packs) value[b] = shared - (Pack){};
    for (int64_t k = 0; k < count; k++) {
        const Pack *put = message + (int64_t)row[own[k]] * packs;
        EACH(b, packs) value[b] *= put[b];
    }
}

INLINE void up_clique(const Plan *p, Work *w, int64_t c, const int packs)
{
    const int W = packs * PACK;
    const int64_t inputs = p->input_count[c], first = p->entry_start[c];
    const int32_t *map = p->maps + p->map_start[c];
    int64_t shared, own;
    used_inputs(p, c, w, &shared, &own, W);
    double *message = w->message, *scale = w->scale + c * W, peak[MOST_LANES];
    for (int l = 0; l < W; l++) peak[l] = 0.0;
    for (int64_t s = p->message_start[c]; s < p->message_start[c + 1]; s++) {
        const int64_t *segment = p->segment_start + (s - p->states);
        Pack sums[MOST_PACKS];
        double *sum = (double *)sums;
        double only = 0.0;
        EACH(b, packs) sums[b] = (Pack){};
        for (int64_t e = segment[0]; e < segment[1]; e++) {
            const int32_t *row = map + (e - first) * inputs;
            const double alike = shared_value(w, row, shared, p->potentials[e]);
            w->values[e] = alike;
            if (!own) only += alike;
            else if (alike != 0.0) {
                Pack value[MOST_PACKS];
                own_values(value, alike, row, w->own, own, (const Pack *)message, packs);
                EACH(b, packs) sums[b] += value[b];
            }
        }
        if (!own) EACH(b, packs) sums[b] = only - (Pack){};
        EACH(b, packs) ((Pack *)message)[s * packs + b] = sums[b];
        for (int l = 0; l < W; l++) peak[l] = sum[l] > peak[l] ? sum[l] : peak[l];
    }
    int small = 0;
    for (int l = 0; l < W; l++) {
        const int rescaled = peak[l] < RESCALED_BELOW && peak[l] > 0.0;
        scale[l] = rescaled ? peak[l] : 1.0;
        small |= rescaled;
    }
    if (!small) return;
    for (int l = 0; l < W; l++) w->log_scale[l] += log(scale[l]);
    for (int64_t s = p->message_start[c]; s < p->message_start[c + 1]; s++)
        for (int l = 0; l < W; l++) message[s * W + l] /= scale[l];
}

INLINE void down_clique(const Plan *p, Work *w, int64_t c, const int packs)
{
    const int W = packs * PACK;
    const int64_t inputs = p->input_count[c], first = p->entry_start[c], told_count = p->told_count[c];
    const int32_t *map = p->maps + p->map_start[c], *told = p->told + p->owner_start[c];
    int64_t shared = 0, own = 0;
    if (!told_count) return;
    if (w->busy[c]) used_inputs(p, c, w, &shared, &own, W);
    const double *scale = w->scale + c * W, *alike = w->busy[c] ? w->values : p->potentials;
    double *RESTRICT reached = w->reached;
    for (int64_t s = p->message_start[c]; s < p->message_start[c + 1]; s++) {
        const int64_t *segment = p->segment_start + (s - p->states);
        const double *now = reached + s * W, *before = w->message + s * W;
        Pack ratios[MOST_PACKS];
        double *ratio = (double *)ratios;
        int any = 0;
        if (w->busy[c]) for (int l = 0; l < W; l++) ratio[l] = before[l] > 0.0 ? now[l] / before[l] / scale[l] : 0.0;
        else EACH(b, packs) ratios[b] = ((const Pack *)now)[b];
        for (int l = 0; l < W; l++) any |= ratio[l] != 0.0;
        if (!any) continue;
        for (int64_t e = segment[0]; e < segment[1]; e++) {
            if (alike[e] == 0.0) continue;
            const int32_t *row = map + (e - first) * inputs;
            Pack value[MOST_PACKS];
            own_values(value, alike[e], row, w->own, own, (const Pack *)w->message, packs);
            EACH(b, packs) value[b] *= ratios[b];
            for (int64_t k = 0; k < told_count; k++) {
                Pack *sum = (Pack *)reached + (int64_t)row[told[k]] * packs;
                EACH(b, packs) sum[b] += value[b];
            }
        }
    }
}

/* The same two passes for one case, where nothing is switched and every input is told. */

INLINE double one_value(const double *RESTRICT message, const int32_t *row, const int64_t *used, int64_t count,
                        double value)
{
    switch (count) {
    case 0: return value;
    case 1: return value * message[row[used[0]]];
    case 2: return value * (message[row[used[0]]] * message[row[used[1]]]);
    case 3: return value * message[row[used[0]]] * (message[row[used[1]]] * message[row[used[2]]]);
    }
    value *= message[row[used[0]]] * message[row[used[1]]];
    for (int64_t k = 2; k < count && value != 0.0; k++) value *= message[row[used[k]]];
    return value;
}

INLINE void up_one(const Plan *p, Work *w, int64_t c, const int64_t count)
{
    const int64_t inputs = p->input_count[c];
    const int32_t *row = p->maps + p->map_start[c];
    const int64_t *segment = p->segment_start + (p->message_start[c] - p->states);
    double *RESTRICT values = w->values, peak = 0.0;
    int64_t e = p->entry_start[c];
    for (int64_t s = p->message_start[c]; s < p->message_start[c + 1]; s++) {
        double sum = 0.0;
        for (const int64_t end = *++segment; e < end; e++, row += inputs)
            sum += values[e] = one_value(w->message, row, w->shared, count, p->potentials[e]);
        w->message[s] = sum;
        peak = sum > peak ? sum : peak;
    }
    w->scale[c] = 1.0;
    if (peak >= RESCALED_BELOW || peak == 0.0) return;
    w->scale[c] = peak;
    w->log_scale[0] += log(peak);
    for (int64_t s = p->message_start[c]; s < p->message_start[c + 1]; s++) w->message[s] /= peak;
}

INLINE void down_one(const Plan *p, Work *w, int64_t c)
{
    const int64_t inputs = p->input_count[c];
    const int32_t *row = p->maps + p->map_start[c];
    const int64_t *segment = p->segment_start + (p->message_start[c] - p->states);
    const double *values = w->busy[c] ? w->values : p->potentials;
    double *RESTRICT reached = w->reached;
    int64_t e = p->entry_start[c];
    if (!inputs) return;
    for (int64_t s = p->message_start[c]; s < p->message_start[c + 1]; s++) {
        const int64_t end = *++segment;
        double ratio = reached[s];
        if (w->busy[c]) ratio = w->message[s] > 0.0 ? ratio / w->message[s] / w->scale[c] : 0.0;
        if (ratio == 0.0) {
            row += (end - e) * inputs;
            e = end;
        }
        if (inputs == 1)
            for (; e < end; e++, row++) reached[*row] += values[e] * ratio;
        else
            for (; e < end; e++) {
                const double value = values[e] * ratio;
                for (const int32_t *stop = row + inputs; row < stop; row++) reached[*row] += value;
            }
    }
}

INLINE void upward(const Plan *p, Work *w, double *log_evidence, const int packs)
{
    const int W = packs * PACK;
    for (int l = 0; l < W; l++) w->log_scale[l] = 0.0;
    mark_busy(p, w);
    for (int64_t c = p->cliques - 1; c >= 0; c--)
        if (w->busy[c]) up_clique(p, w, c, packs);
    double *total = w->message + p->message_start[0] * W;
    for (int l = 0; l < W; l++) {
        if (!w->busy[0]) total[l] = 1.0;
        log_evidence[l] = log(total[l]) + w->log_scale[l];
    }
}

INLINE void downward(const Plan *p, Work *w, const int packs)
{
    const int W = packs * PACK;
    const double *total = w->message + p->message_start[0] * W;
    memset(w->reached, 0, sizeof(double) * p->node_start[p->wanted] * W);
    memset(w->reached + p->states * W, 0, sizeof(double) * (p->messages - p->states) * W);
    for (int l = 0; l < W; l++) w->reached[p->message_start[0] * W + l] = total[l] > 0.0;
    for (int64_t c = 0; c < p->cliques; c++) down_clique(p, w, c, packs);
}

CLONED static void pass_lanes(const Plan *p, Work *w, double *log_evidence, int marginals)
{
    upward(p, w, log_evidence, 1);
    if (marginals) downward(p, w, 1);
}

CLONED static void pass_many(const Plan *p, Work *w, double *log_evidence, int marginals)
{
    upward(p, w, log_evidence, MOST_PACKS);
    if (marginals) downward(p, w, MOST_PACKS);
}

CLONED static void pass_one(const Plan *p, Work *w, double *log_evidence)
{
    int64_t count, none;
    double *total = w->message + p->message_start[0];
    w->log_scale[0] = 0.0;
    mark_busy(p, w);
    for (int64_t c = p->cliques - 1; c >= 0; c--)
        if (w->busy[c]) {
            used_inputs(p, c, w, &count, &none, 1);
            up_one(p, w, c, count);
        }
    if (!w->busy[0]) *total = 1.0;
    *log_evidence = log(*total) + w->log_scale[0];
    memset(w->reached, 0, sizeof(double) * p->messages);
    w->reached[p->message_start[0]] = *total > 0.0;
    for (int64_t c = 0; c < p->cliques; c++) down_one(p, w, c);
}

/* Tables that lanes switch on: `modes` (switches, lanes) says which table of a switched node, -1 for none. */
typedef struct {
    const double *tables;
    const int64_t *starts, *modes; /* where the first table of a switched node begins; they follow one another */
} Switches;

/* The likelihoods of the wanted nodes in the lanes from `at` on. */
static void read_likelihoods(const Plan *p, Work *w, const double *likelihood, int64_t lanes, int64_t at)
{
    const int W = w->width, width = lanes - at < W ? (int)(lanes - at) : W;
    memset(w->seen, 0, p->nodes);
    memset(w->differs, 0, p->nodes);
    for (int64_t n = 0; n < p->wanted; n++)
        for (int64_t s = p->node_start[n]; s < p->node_start[n + 1]; s++) {
            const double *row = likelihood + s * lanes + at;
            for (int l = 0; l < W; l++) {
                const double said = row[l < width ? l : 0];
                w->message[s * W + l] = said;
                w->seen[n] |= said != 1.0;
                w->differs[n] |= said != row[0];
            }
        }
}

static void read_switches(const Plan *p, Work *w, const Switches *given, int64_t lanes, int64_t at)
{
    const int W = w->width, width = lanes - at < W ? (int)(lanes - at) : W;
    for (int64_t n = p->wanted; n < p->nodes; n++) {
        const int64_t *row = given->modes + (n - p->wanted) * lanes + at, size = p->node_start[n + 1] - p->node_start[n];
        const double *tables = given->tables + given->starts[n - p->wanted], *of_lane[MOST_LANES];
        for (int l = 0; l < W; l++) {
            const int64_t mode = row[l < width ? l : 0];
            of_lane[l] = mode < 0 ? NULL : tables + mode * size;
            w->seen[n] |= mode >= 0;
            w->differs[n] |= mode != row[0];
        }
        w->given[n] = w->differs[n] ? NULL : of_lane[0];
        if (w->differs[n])
            for (int64_t s = 0; s < size; s++)
                for (int l = 0; l < W; l++)
                    w->message[(p->node_start[n] + s) * W + l] = of_lane[l] ? of_lane[l][s] : 1.0;
    }
}

/* likelihood (states, lanes) -> marginals (states, lanes), log evidence (lanes,); states are those of wanted nodes */
static void run_lanes(const Plan *p, Work *w, const double *likelihood, const Switches *given, double *marginals,
                      double *log_evidence, int64_t lanes)
{
    const int W = w->width;
    double found[MOST_LANES];
    for (int64_t at = 0; at < lanes; at += W) {
        const int64_t width = lanes - at < W ? lanes - at : W;
        read_likelihoods(p, w, likelihood, lanes, at);
        if (given) read_switches(p, w, given, lanes, at);
        (W == PACK ? pass_lanes : pass_many)(p, w, found, marginals != NULL);
        for (int l = 0; l < width; l++) log_evidence[at + l] = found[l];
        if (marginals)
            for (int64_t s = 0; s < p->node_start[p->wanted]; s++)
                for (int l = 0; l < width; l++) marginals[s * lanes + at + l] = w->reached[s * W + l];
    }
}

/* observed (cases, nodes), -1 where not observed -> marginals (cases, states), log evidence (cases,) */
static void run_batch(const Plan *p, Work *w, const int64_t *observed, double *marginals, double *log_evidence,
                      int64_t cases)
{
    const int W = w->width;
    double found[MOST_LANES];
    for (int64_t at = 0; at < cases; at += W) {
        const int64_t width = cases - at < W ? cases - at : W;
        memset(w->seen, 0, p->nodes);
        memset(w->differs, 0, p->nodes);
        for (int64_t i = 0; i < p->states * W; i++) w->message[i] = 1.0;
        for (int l = 0; l < W; l++) {
            const int64_t *first = observed + at * p->nodes, *row = l < width ? first + l * p->nodes : first;
            for (int64_t n = 0; n < p->nodes; n++) {
                w->differs[n] |= row[n] != first[n];
                if (row[n] < 0) continue;
                w->seen[n] = 1;
                for (int64_t s = p->node_start[n]; s < p->node_start[n + 1]; s++)
                    w->message[s * W + l] = s == p->node_start[n] + row[n];
            }
        }
        (W == PACK ? pass_lanes : pass_many)(p, w, found, 1);
        for (int l = 0; l < width; l++) {
            double *row = marginals + (at + l) * p->states;
            log_evidence[at + l] = found[l];
            for (int64_t s = 0; s < p->states; s++) row[s] = w->reached[s * W + l];
        }
    }
}

/* The subset programme of noisy_or_layer.py */

typedef struct {
    int64_t size, causes; /* 2^present findings */
    const double *absent, *present, *weight;
    const int64_t *link_start, *bit;
} Subsets;

/* made = now, then each finding switched on or not by one cause; transposed, what a cause leaves to be completed. */
INLINE void switch_links(const Subsets *s, int64_t cause, const double *now, double *RESTRICT made, int transposed)
{
    memcpy(made, now, sizeof(double) * s->size);
    for (int64_t i = s->link_start[cause]; i < s->link_start[cause + 1]; i++) {
        const int64_t step = (int64_t)1 << s->bit[i];
        const double on = s->weight[i], off = 1.0 - on;
        for (int64_t block = 0; block < s->size; block += 2 * step) {
            double *RESTRICT low = made + block, *RESTRICT high = made + block + step;
            if (transposed)
                for (int64_t j = 0; j < step; j++) low[j] = off * low[j] + on * high[j];
            else
                for (int64_t j = 0; j < step; j++) {
                    high[j] += on * low[j];
                    low[j] *= off;
                }
        }
    }
}

/* forward (causes, size) and made, after (size,) are room to work in; found (causes,) gets the posteriors. */
CLONED static double run_subsets(const Subsets *s, const double *start, double *forward, double *RESTRICT made,
                                 double *RESTRICT after, double *found)
{
    const double *now = start;
    for (int64_t c = 0; c < s->causes; c++) {
        double *next = forward + c * s->size;
        switch_links(s, c, now, made, 0);
        for (int64_t j = 0; j < s->size; j++) next[j] = s->absent[c] * now[j] + s->present[c] * made[j];
        now = next;
    }
    const double total = now[s->size - 1];
    memset(after, 0, sizeof(double) * s->size);
    after[s->size - 1] = 1.0;
    for (int64_t c = s->causes - 1; c >= 0; c--) {
        const double *before = c ? forward + (c - 1) * s->size : start;
        double with_it = 0.0, without = 0.0;
        switch_links(s, c, after, made, 1);
        for (int64_t j = 0; j < s->size; j++) {
            with_it += before[j] * made[j];
            without += before[j] * after[j];
        }
        with_it *= s->present[c];
        without *= s->absent[c];
        found[c] = with_it + without > 0.0 ? with_it / (with_it + without) : 0.0;
        for (int64_t j = 0; j < s->size; j++) after[j] = s->absent[c] * after[j] + s->present[c] * made[j];
    }
    return total;
}

/* The Python side */

static const char *PLAN = "ddx.engine._kernel.plan";

static void plan_free(PyObject *capsule)
{
    Plan *p = PyCapsule_GetPointer(capsule, PLAN);
    if (!p) return;
    Py_XDECREF(p->index); Py_XDECREF(p->names); Py_XDECREF(p->labels); Py_XDECREF(p->kind); Py_XDECREF(p->said);
    Py_XDECREF(p->asked); Py_XDECREF(p->answered);
    if (p->own_made) work_free(&p->own);
    if (p->wide_made) work_free(&p->wide);
    free(p->owner_start); free(p->owner); free(p->told); free(p->told_count);
    free(p);
}

static int plan_owners(Plan *p)
{
    p->owner_start = malloc(sizeof(int64_t) * (p->cliques + 1));
    if (!p->owner_start) return 0;
    p->owner_start[0] = 0;
    p->most_inputs = 0;
    for (int64_t c = 0; c < p->cliques; c++) {
        p->owner_start[c + 1] = p->owner_start[c] + p->input_count[c];
        if (p->input_count[c] > p->most_inputs) p->most_inputs = p->input_count[c];
    }
    p->owner = malloc(sizeof(int32_t) * (p->owner_start[p->cliques] + 1));
    p->told = malloc(sizeof(int32_t) * (p->owner_start[p->cliques] + 1));
    p->told_count = calloc(p->cliques, sizeof(int32_t));
    if (!p->owner || !p->told || !p->told_count) return 0;
    for (int64_t n = 0; n < p->nodes; n++) p->owner[p->owner_start[p->node_clique[n]] + p->node_input[n]] = (int32_t)n;
    for (int64_t c = 1; c < p->cliques; c++)
        p->owner[p->owner_start[p->parent[c]] + p->child_input[c]] = (int32_t)(-1 - c);
    for (int64_t c = p->cliques - 1; c >= 0; c--)
        for (int32_t k = 0; k < p->input_count[c]; k++) {
            const int32_t o = p->owner[p->owner_start[c] + k];
            if (o >= 0 ? o < p->wanted : p->told_count[-1 - o] > 0) p->told[p->owner_start[c] + p->told_count[c]++] = k;
        }
    return 1;
}

/* plan(nodes, wanted, cliques, addresses of the twelve arrays, index, names, labels, kind, said) */
static PyObject *kernel_plan(PyObject *self, PyObject *args)
{
    (void)self;
    long long nodes, wanted, cliques;
    unsigned long long at[12];
    PyObject *index, *names, *labels, *kind, *said;
    if (!PyArg_ParseTuple(args, "LLL(KKKKKKKKKKKK)OOOOO", &nodes, &wanted, &cliques, at, at + 1, at + 2, at + 3, at + 4, at + 5, at + 6,
                          at + 7, at + 8, at + 9, at + 10, at + 11, &index, &names, &labels, &kind,
                          &said))
        return NULL;
    Plan *p = calloc(1, sizeof(Plan));
    if (!p) return PyErr_NoMemory();
    const int64_t **longs[] = {&p->node_start, &p->entry_start, &p->message_start, &p->segment_start, &p->map_start};
    const int32_t **ints[] = {&p->parent, &p->input_count, &p->maps, &p->node_clique, &p->node_input, &p->child_input};
    for (int i = 0; i < 5; i++) *longs[i] = (const int64_t *)(uintptr_t)at[i];
    for (int i = 0; i < 6; i++) *ints[i] = (const int32_t *)(uintptr_t)at[5 + i];
    p->potentials = (const double *)(uintptr_t)at[11];
    p->nodes = nodes;
    p->wanted = wanted;
    p->cliques = cliques;
    p->states = p->node_start[nodes];
    p->messages = p->message_start[cliques];
    p->entries = p->entry_start[cliques];
    if (!plan_owners(p)) {
        free(p->owner_start); free(p->owner); free(p->told); free(p->told_count); free(p);
        return PyErr_NoMemory();
    }
    Py_INCREF(index); Py_INCREF(names); Py_INCREF(labels); Py_INCREF(kind); Py_INCREF(said);
    p->index = index; p->names = names; p->labels = labels; p->kind = kind; p->said = said;
    PyObject *capsule = PyCapsule_New(p, PLAN, plan_free);
    if (!capsule) {
        Py_DECREF(index); Py_DECREF(names); Py_DECREF(labels); Py_DECREF(kind); Py_DECREF(said);
        free(p->owner_start); free(p->owner); free(p->told); free(p->told_count); free(p);
    }
    return capsule;
}

/* Room for many lanes: the plan's own, or another where that is in use by another thread. NULL where there is none. */
static Work *wide_work(Plan *p, Work *other)
{
    const int width = p->messages < WIDE_BELOW ? MOST_LANES : PACK;
    if (p->wide_busy) return work_make(other, p, width) ? other : NULL;
    if (!p->wide_made && !(p->wide_made = work_make(&p->wide, p, width))) return NULL;
    p->wide_busy = 1;
    return &p->wide;
}

static void wide_done(Plan *p, Work *used)
{
    if (used == &p->wide) p->wide_busy = 0;
    else work_free(used);
}

/* lanes(plan, address of likelihood, of marginals or 0, of log evidence, lanes, addresses of tables, starts, modes);
   the last three are 0 for a plan without switches */
static PyObject *kernel_lanes(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *capsule;
    unsigned long long likelihood, marginals, log_evidence, tables, starts, modes;
    long long lanes;
    if (!PyArg_ParseTuple(args, "OKKKLKKK", &capsule, &likelihood, &marginals, &log_evidence, &lanes, &tables, &starts,
                          &modes))
        return NULL;
    Plan *p = PyCapsule_GetPointer(capsule, PLAN);
    const Switches given = {(const double *)(uintptr_t)tables, (const int64_t *)(uintptr_t)starts,
                            (const int64_t *)(uintptr_t)modes};
    Work other, *w;
    if (!p) return NULL;
    if (!(w = wide_work(p, &other))) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    run_lanes(p, w, (const double *)(uintptr_t)likelihood, tables ? &given : NULL, (double *)(uintptr_t)marginals,
              (double *)(uintptr_t)log_evidence, lanes);
    Py_END_ALLOW_THREADS
    wide_done(p, w);
    Py_RETURN_NONE;
}

/* batch(plan, address of observed, of marginals, of log evidence, cases) */
static PyObject *kernel_batch(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *capsule;
    unsigned long long observed, marginals, log_evidence;
    long long cases;
    if (!PyArg_ParseTuple(args, "OKKKL", &capsule, &observed, &marginals, &log_evidence, &cases)) return NULL;
    Plan *p = PyCapsule_GetPointer(capsule, PLAN);
    Work other, *w;
    if (!p) return NULL;
    if (!(w = wide_work(p, &other))) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    run_batch(p, w, (const int64_t *)(uintptr_t)observed, (double *)(uintptr_t)marginals,
              (double *)(uintptr_t)log_evidence, cases);
    Py_END_ALLOW_THREADS
    wide_done(p, w);
    Py_RETURN_NONE;
}

/* 1 where every item of the evidence is a known state of a known node; 0 where Python must look; -1 on an error. */
static int read_evidence(const Plan *p, Work *w, PyObject *evidence)
{
    PyObject *node, *state;
    Py_ssize_t position = 0;
    for (int64_t s = 0; s < p->states; s++) w->message[s] = 1.0;
    memset(w->seen, 0, p->nodes);
    while (PyDict_Next(evidence, &position, &node, &state)) {
        if (!PyUnicode_Check(node) || !PyUnicode_Check(state)) return 0;
        PyObject *found = PyDict_GetItemWithError(p->index, node);
        if (!found) return PyErr_Occurred() ? -1 : 0;
        PyObject *place = PyDict_GetItemWithError(PyTuple_GetItem(found, 1), state);
        if (!place) return PyErr_Occurred() ? -1 : 0;
        const int64_t n = PyLong_AsLong(PyTuple_GetItem(found, 0)), picked = PyLong_AsLong(place);
        w->seen[n] = 1;
        for (int64_t s = p->node_start[n]; s < p->node_start[n + 1]; s++) w->message[s] = s == p->node_start[n] + picked;
    }
    return 1;
}

static PyObject *row_of(const Plan *p, int64_t node, const double *marginals)
{
    PyObject *row = PyDict_New(), *labels = PyTuple_GetItem(p->labels, node), *sealed = NULL;
    int failed = !row || !labels;
    for (int64_t s = p->node_start[node]; !failed && s < p->node_start[node + 1]; s++) {
        PyObject *number = PyFloat_FromDouble(marginals[s]);
        failed = !number || PyDict_SetItem(row, PyTuple_GetItem(labels, s - p->node_start[node]), number) < 0;
        Py_XDECREF(number);
    }
    if (!failed) sealed = PyDictProxy_New(row);
    Py_XDECREF(row);
    return sealed;
}

/* A belief of a kind that is a dict: a row for every node, and beside them `said` = (name, value, ...). */
static PyObject *belief_of(const Plan *p, const double *marginals, double log_evidence)
{
    PyObject *belief = PyObject_CallObject(p->kind, NULL), *log = PyFloat_FromDouble(log_evidence);
    int failed = !belief || !log || PyObject_GenericSetAttr(belief, PyTuple_GetItem(p->said, 0), log) < 0;
    for (Py_ssize_t i = 1; !failed && i + 1 < PyTuple_Size(p->said); i += 2)
        failed = PyObject_GenericSetAttr(belief, PyTuple_GetItem(p->said, i), PyTuple_GetItem(p->said, i + 1)) < 0;
    for (int64_t n = 0; !failed && n < p->nodes; n++) {
        PyObject *row = row_of(p, n, marginals);
        failed = !row || PyDict_SetItem(belief, PyTuple_GetItem(p->names, n), row) < 0;
        Py_XDECREF(row);
    }
    Py_XDECREF(log);
    if (!failed) return belief;
    Py_XDECREF(belief);
    return NULL;
}

/* Whether the evidence is, object by object, that of the last answer. Strings do not change, so identity is enough. */
static int asked_before(const Plan *p, PyObject *evidence)
{
    PyObject *node, *state;
    Py_ssize_t position = 0, at = 0;
    if (!p->asked || PyTuple_Size(p->asked) != 2 * PyDict_Size(evidence)) return 0;
    while (PyDict_Next(evidence, &position, &node, &state)) {
        if (PyTuple_GetItem(p->asked, at) != node || PyTuple_GetItem(p->asked, at + 1) != state) return 0;
        at += 2;
    }
    return 1;
}

static void remember(Plan *p, PyObject *evidence, PyObject *answer)
{
    PyObject *node, *state, *before = p->asked, *answered = p->answered;
    Py_ssize_t position = 0, at = 0;
    PyObject *asked = PyTuple_New(2 * PyDict_Size(evidence));
    if (!asked) {
        PyErr_Clear();
        return;
    }
    while (PyDict_Next(evidence, &position, &node, &state)) {
        Py_INCREF(node);
        Py_INCREF(state);
        PyTuple_SetItem(asked, at++, node);
        PyTuple_SetItem(asked, at++, state);
    }
    Py_INCREF(answer);
    p->asked = asked;
    p->answered = answer;
    Py_XDECREF(before);
    Py_XDECREF(answered);
}

static PyObject *answer_of(Plan *p, Work *w, PyObject *const *args)
{
    double log_evidence;
    const int readable = read_evidence(p, w, args[2]);
    if (readable < 0) return NULL;
    if (!readable) Py_RETURN_NONE;
    pass_one(p, w, &log_evidence);
    if (!(log_evidence > PyFloat_AsDouble(args[1]))) Py_RETURN_NONE;
    PyObject *answer = belief_of(p, w->reached, log_evidence);
    if (answer) remember(p, args[2], answer);
    return answer;
}

/* query(plan, least log evidence, evidence) -> the belief, or None where Python must look.
   Asking the same again gives the same answer, an object that does not change. */
static PyObject *kernel_query(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    (void)self;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "query(plan, least, evidence) takes three arguments");
        return NULL;
    }
    Plan *p = PyCapsule_GetPointer(args[0], PLAN);
    if (!p) return NULL;
    if (!PyDict_CheckExact(args[2])) Py_RETURN_NONE;
    if (asked_before(p, args[2])) {
        Py_INCREF(p->answered);
        return p->answered;
    }
    if (p->own_busy) Py_RETURN_NONE; /* asked from within its own answer */
    if (!p->own_made && !(p->own_made = work_make(&p->own, p, 1))) return PyErr_NoMemory();
    p->own_busy = 1;
    PyObject *answer = answer_of(p, &p->own, args);
    p->own_busy = 0;
    return answer;
}

/* subsets(size, causes, addresses of absent, present, link start, bit, weight, start, found) -> V[all] */
static PyObject *kernel_subsets(PyObject *self, PyObject *args)
{
    (void)self;
    long long size, causes;
    unsigned long long at[7];
    if (!PyArg_ParseTuple(args, "LLKKKKKKK", &size, &causes, at, at + 1, at + 2, at + 3, at + 4, at + 5, at + 6)) return NULL;
    const Subsets s = {size, causes, (const double *)(uintptr_t)at[0], (const double *)(uintptr_t)at[1],
                       (const double *)(uintptr_t)at[4], (const int64_t *)(uintptr_t)at[2], (const int64_t *)(uintptr_t)at[3]};
    double *room = malloc(sizeof(double) * size * (causes + 2)), total;
    if (!room) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS
    total = run_subsets(&s, (const double *)(uintptr_t)at[5], room, room + size * causes, room + size * (causes + 1),
                        (double *)(uintptr_t)at[6]);
    Py_END_ALLOW_THREADS
    free(room);
    return PyFloat_FromDouble(total);
}

static PyMethodDef METHODS[] = {
    {"subsets", kernel_subsets, METH_VARARGS, "Posteriors of the causes of a noisy-OR layer."},
    {"plan", kernel_plan, METH_VARARGS, "A plan over the arrays of a structure."},
    {"lanes", kernel_lanes, METH_VARARGS, "Marginals and log evidence of lanes of likelihoods."},
    {"batch", kernel_batch, METH_VARARGS, "Marginals and log evidence of cases of observed states."},
    {"query", (PyCFunction)(void (*)(void))kernel_query, METH_FASTCALL, "One case, from a dict to a dict."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_kernel", "Message passing in C.", -1, METHODS, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModule_Create(&MODULE); }
