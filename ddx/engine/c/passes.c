/* All marginals and P(evidence) on a compiled tree: one case at a time, or many lanes side by side. */

#include "kernel.h"
#include <math.h>

#define RESCALED_BELOW 1e-100 /* as in propagate.py */
#define EACH(b, packs) _Pragma("GCC unroll 4") for (int b = 0; b < (packs); b++)

typedef double Pack __attribute__((vector_size(sizeof(double) * PACK), aligned(sizeof(double)), may_alias));

void work_free(Work *w)
{
    free(w->message); free(w->reached); free(w->scale); free(w->values); free(w->shared); free(w->own);
    free((void *)w->from); free(w->apart); free((void *)w->given); free(w->busy); free(w->seen); free(w->differs); free(w->split);
}

int work_make(Work *w, const Plan *p, int room)
{
    w->room = w->width = room;
    w->message = malloc(sizeof(double) * p->messages * room);
    w->reached = malloc(sizeof(double) * p->messages * room);
    w->scale = malloc(sizeof(double) * p->cliques * room);
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

CLONED void pass_one(const Plan *p, Work *w, double *log_evidence)
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

void run_lanes(const Plan *p, Work *w, const double *likelihood, const Switches *given, double *marginals,
               double *log_evidence, int64_t lanes)
{
    double found[MOST_LANES];
    for (int64_t at = 0; at < lanes; at += w->width) {
        const int W = w->width = lanes - at > PACK ? w->room : PACK; /* few lanes are left to one vector */
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

void run_batch(const Plan *p, Work *w, const int64_t *observed, double *marginals, double *log_evidence, int64_t cases)
{
    double found[MOST_LANES];
    for (int64_t at = 0; at < cases; at += w->width) {
        const int W = w->width = cases - at > PACK ? w->room : PACK;
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
