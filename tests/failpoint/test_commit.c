/* The end of a turn in the real skeleton (libagent/agent_out.c) and the real journal: a process that dies at any of
 * its failpoints leaves the whole record or nothing, and an effect only behind its record. */
#define TEST_TIMEOUT 120
#include "tests/runner.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "libagent/agent_impl.h"
#include "libagent/failpoint.h"
#include "tests/libagent/broker.h"

#define TURNS 3

static int notes;

static int on_note(struct agent *a, uint16_t kind, const void *data, size_t len)
{
    (void)a, (void)kind, (void)data, (void)len;
    notes++;
    return ERR_OK;
}

static void on_save(struct agent *a, void **data, size_t *len)
{
    (void)a;
    *len = sizeof notes;
    *data = malloc(*len);
    must(*data != NULL);
    memcpy(*data, &notes, *len);
}

static int on_load(struct agent *a, const void *data, size_t len)
{
    (void)a, (void)len;
    memcpy(&notes, data, sizeof notes);
    return ERR_OK;
}

static const struct agent_def keeper = {.id = AGENT_RISK, .note = on_note, .save = on_save, .load = on_load};

static void nothing(void *arg) { (void)arg; }

static void effect(struct agent *a, void *arg)
{
    int fd = open("effects", O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)a, (void)arg;
    must(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

static void agent_make(struct agent *a)
{
    char why[CONFIG_WHY_MAX];
    notes = 0;
    *a = (struct agent){.def = &keeper, .name = "risk", .config = config_new(), .now_ns = wall_ns()};
    must(loop_new(&a->loop) == ERR_OK);
    a->streams = streams_new();
    a->requests = requests_new();
    a->timer_sync = loop_timer_new(a->loop, 1000, 0, false, nothing, NULL);
    must(agent_recover(a, why) == ERR_OK);
    const struct bus_options o = {.loop = a->loop, .name = "risk", .on_frames = agent_on_frames, .arg = a};
    must(bus_open(&o, &a->bus, why) == ERR_OK);
}

/* Turns of a message, a note and an effect, with a snapshot at the end of each. */
static void live(const char *failpoint)
{
    static struct agent a;
    const struct msg_risk_rejected m = {.signal_id = "s", .reason = "RANK"};
    setenv("FAILPOINT", failpoint, 1);
    agent_make(&a);
    for (int i = 0; i < TURNS; i++) {
        agent_publish(&a, TOPIC_RISK_REJECTED, NULL, MSG_RISK_REJECTED, &m, NULL);
        agent_note(&a, 1, "note", 4, true);
        notes++;
        agent_effect(&a, effect, NULL);
        agent_commit(&a);
        agent_snapshot(&a);
    }
    _exit(0);
}

/* The next process: what is there?  bits: notes, effects. */
static void look(void)
{
    static struct agent a;
    struct stat st = {.st_size = 0};
    agent_make(&a);
    (void)stat("effects", &st);
    int said = (int)agent_last_seq(&a, "risk.rejected");
    _exit(notes == said && st.st_size <= notes && notes - st.st_size <= 1 ? notes * 8 + (int)st.st_size : 255);
}

static int in_child(void (*run)(const char *), const char *with)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (run != NULL)
            run(with);
        look();
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(a_turn_is_whole_or_not_there_and_its_effects_come_after_it)
{
    static const struct { enum failpoint at; int notes, effects; } after[] = {  /* the turn that died in it */
        {FAILPOINT_record_before, 0, 0}, {FAILPOINT_record_written, 1, 0}, {FAILPOINT_record_synced, 1, 0},
        {FAILPOINT_told, 1, 0}, {FAILPOINT_effect, 1, 0}, {FAILPOINT_snapshot_before, 1, 1},
        {FAILPOINT_snapshot_after, 1, 1},
    };
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++)
        for (int pass = 1; pass <= TURNS; pass++) {
            char text[64];
            pid_t pid = fork();
            if (pid == 0) {
                instance_enter();
                snprintf(text, sizeof text, "%s:%d", failpoint_names[after[i].at], pass);
                int rc = in_child(live, text), want = (pass - 1 + after[i].notes) * 8 + pass - 1 + after[i].effects;
                int is = in_child(NULL, NULL);
                instance_clean();
                _exit(rc != FAILPOINT_EXIT ? 1 : is != want ? 2 : 0);
            }
            int status = -1;
            waitpid(pid, &status, 0);
            ck_assert_msg(status == 0, "%s:%d ends with %d", failpoint_names[after[i].at], pass, WEXITSTATUS(status));
        }
}
END_TEST

TESTS("commit", a_turn_is_whole_or_not_there_and_its_effects_come_after_it)
