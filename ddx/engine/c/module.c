/* What Python sees of the kernel. `lanes` and `batch` run many cases side by side, without the interpreter's lock;
   `query` reads one case from a dict of states and answers with a dict of dicts, or None where Python has to look at
   the case itself. Arrays go by address. */

#include "kernel.h"

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
    const int room = p->messages < WIDE_BELOW ? MOST_LANES : PACK;
    if (p->wide_busy) return work_make(other, p, room) ? other : NULL;
    if (!p->wide_made && !(p->wide_made = work_make(&p->wide, p, room))) return NULL;
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
