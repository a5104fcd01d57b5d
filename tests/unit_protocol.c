/* unit_protocol.c - PROTOCOL.md keeps its word: its tables are those of the code, its examples are frames. */
#include "unit.h"

#include <ctype.h>
#include <stdlib.h>

#include "codec.h"
#include "key.h"
#include "samples.h"

enum { LINES_MAX = 4000, CELLS_MAX = 6 };

static char *lines[LINES_MAX + 1]; /* of PROTOCOL.md, the last one NULL */
static struct codec *codec;

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    char *text = calloc(1, 1 << 20);
    CHECK(text != NULL);
    CHECK(fread(text, 1, (1 << 20) - 1, file) > 0 && feof(file));
    fclose(file);
    return text;
}

static void the_document_is_there(void)
{
    size_t count = 0;
    codec = codec_new();
    CHECK(codec != NULL);
    char *rest = read_file("proto/PROTOCOL.md");
    while (rest && count < LINES_MAX)
        lines[count++] = strsep(&rest, "\n");
    CHECK(count > 300 && count < LINES_MAX);
}

/* The line of this heading, "## 9. Statuses", say. */
static char **find_heading(const char *heading)
{
    for (char **line = lines; *line; line++)
        if (strcmp(*line, heading) == 0)
            return line;
    printf("\n    no heading \"%s\"\n", heading);
    CHECK(false);
    return NULL;
}

/* Splits "| a | b |" into copies of its cells; how many there are. */
static size_t read_row(const char *line, char cells[CELLS_MAX][128])
{
    size_t count = 0;
    while (*line == '|' && line[1] && count < CELLS_MAX) {
        const char *begin = line + 1 + strspn(line + 1, " "), *end = strchr(begin, '|');
        if (!end)
            break;
        line = end;
        while (end > begin && end[-1] == ' ')
            end--;
        snprintf(cells[count++], sizeof cells[0], "%.*s", (int)(end - begin), begin);
    }
    return count;
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

/* The next row under `*line` whose first cell is a number, before the next heading. */
static bool next_numbered_row(char ***line, char cells[CELLS_MAX][128])
{
    while (*++*line && (**line)[0] != '#')
        if (read_row(**line, cells) >= 3 && is_number(cells[0]))
            return true;
    return false;
}

static void the_table_of_statuses_is_the_code_s(void)
{
#define ONE(name, code, text) {code, #name, text},
    static const struct {
        int code;
        const char *name, *text;
    } all[] = {MQ_STATUS_MAP(ONE)};
#undef ONE
    char cells[CELLS_MAX][128];
    char **line = find_heading("## 9. Statuses");
    for (size_t i = 0; i < COUNT(all); i++) {
        CHECK(next_numbered_row(&line, cells));
        CHECK_EQUAL(atoi(cells[0]), all[i].code);
        CHECK(strcmp(cells[1], all[i].name) == 0);
        CHECK(strcmp(cells[2], all[i].text) == 0);
        CHECK(cells[3][0] != '\0');
    }
    CHECK(!next_numbered_row(&line, cells));
}

static void the_table_of_verbs_is_the_code_s(void)
{
#define ONE(name, code, word) {code, word},
    static const struct {
        int code;
        const char *word;
    } all[] = {MQ_VERB_MAP(ONE)};
#undef ONE
    char cells[CELLS_MAX][128];
    char **line = find_heading("## 3. Framing");
    for (size_t i = 0; i < COUNT(all); i++) {
        CHECK(next_numbered_row(&line, cells));
        CHECK_EQUAL(atoi(cells[0]), all[i].code);
        CHECK(strcmp(cells[1], all[i].word) == 0);
    }
    CHECK(!next_numbered_row(&line, cells));
}

/* "16" or "16 << 20" */
static long long evaluate(const char *expression)
{
    char *end;
    long long value = strtoll(expression, &end, 10);
    end += strspn(end, " ");
    return strncmp(end, "<<", 2) == 0 ? value << strtoll(end + 2, NULL, 10) : value;
}

/* Compares each "    MQ_NAME = value" of the header's enum with the rows of the table, in order. */
static void the_table_of_limits_is_the_header_s(void)
{
    char cells[CELLS_MAX][128], name[64];
    char **line = find_heading("## 2. Limits");
    char *header = read_file("proto/proto.h"), *at = strstr(header, "MQ_SESSION_ID_SIZE ="),
         *end = strstr(at, "};");
    size_t count = 0;
    while (at && at < end) {
        char *equals = strchr(at, '=');
        CHECK(equals != NULL);
        do
            line++;
        while (*line && (*line)[0] != '#' && strncmp(*line, "| `MQ_", 6) != 0);
        CHECK(*line && read_row(*line, cells) == 3);
        snprintf(name, sizeof name, "`%.*s`", (int)strcspn(at, " ="), at);
        CHECK(strcmp(cells[0], name) == 0);
        CHECK_EQUAL(atoll(cells[1]), evaluate(equals + 1));
        count++;
        at = strstr(equals, "    MQ_");
        at = at ? at + 4 : NULL;
    }
    CHECK(count >= 16 && line[1][0] != '|');
    free(header);
}

/* ---- examples ---- */
struct example {
    bool from_client;
    size_t size;
    uint8_t data[1024];
};

static void add_hex(struct example *example, const char *hex)
{
    for (; *hex; hex += 2) {
        hex += strspn(hex, " ");
        CHECK(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]) &&
              (hex[2] == ' ' || !hex[2]));
        char byte[] = {hex[0], hex[1], '\0'};
        CHECK(example->size < sizeof example->data);
        example->data[example->size++] = (uint8_t)strtoul(byte, NULL, 16);
    }
}

/* The next example behind `*line`, which becomes its last line, before the next heading. Drawings, in fences
 * too, have neither sign. */
static bool next_example(char ***line, struct example *ret)
{
    while (*++*line && (**line)[0] != '#') {
        const char *text = **line;
        if ((text[0] != '>' && text[0] != '<') || text[1] != ' ')
            continue;
        *ret = (struct example){.from_client = text[0] == '>'};
        add_hex(ret, text + 2);
        for (; (*line)[1] && strncmp((*line)[1], "  ", 2) == 0; ++*line)
            add_hex(ret, (*line)[1] + 2);
        return true;
    }
    return false;
}

static void check_example(const struct example *example)
{
    struct bytes frame = {example->data, example->size}, again = {NULL, 0};
    struct client_frame client;
    struct broker_frame broker;
    const char *why = "";
    enum mq_status status = example->from_client ? codec_decode_client(codec, frame, &client, &why)
                                                 : codec_decode_broker(codec, frame, &broker, &why);
    if (status != MQ_OK)
        printf("\n    example of %zu bytes, verb %u: %s\n", example->size, example->data[1], why);
    CHECK_EQUAL(status, MQ_OK);
    status = example->from_client ? encode_client_frame(codec, &client, &again)
                                  : encode_broker_frame(codec, &broker, &again);
    CHECK_EQUAL(status, MQ_OK);
    CHECK(again.size == frame.size && memcmp(again.data, frame.data, frame.size) == 0);
}

static void every_example_is_a_frame_and_encoded_again_the_same_bytes(void)
{
    struct example example;
    size_t count = 0;
    for (char **line = lines; line[0] && line[1]; line++) {
        if ((*line)[0] != '#')
            continue;
        char **at = line;
        for (; next_example(&at, &example); count++)
            check_example(&example);
    }
    CHECK(count >= 40);
}

/* The section "### verb" has an example of each direction that the table of verbs names. */
static void every_verb_has_an_example_in_its_section(void)
{
    char cells[CELLS_MAX][128], heading[140];
    char **row = find_heading("## 3. Framing");
    struct example example;
    while (next_numbered_row(&row, cells)) {
        bool client = strcmp(cells[2], "broker") == 0, broker = strcmp(cells[2], "client") == 0;
        snprintf(heading, sizeof heading, "### %s", cells[1]);
        char **line = find_heading(heading);
        bool cancel = strcmp(cells[1], "cancel") == 0; /* its answer has the verb of the request */
        while (next_example(&line, &example)) {
            CHECK(cancel || example.data[1] == (uint8_t)atoi(cells[0]));
            client |= example.from_client;
            broker |= !example.from_client;
        }
        CHECK(client && broker);
    }
}

static size_t count_elements(const char *signature)
{
    size_t count = 1;
    for (; *signature && *signature != ']'; signature++)
        count += *signature == ',';
    return count;
}

/* "`[10, number, ..., {}]` → `[10, number, status, {}]`", once in each section of a request. */
static void requests_and_answers_have_as_many_fields_as_their_sections_say(void)
{
    struct example example;
    size_t sections = 0;
    for (char **line = find_heading("## 7. Requests") + 1; *line && strncmp(*line, "## ", 3) != 0; line++) {
        const char *answer = strncmp(*line, "`[", 2) == 0 ? strstr(*line, "→ `[") : NULL;
        if (!answer)
            continue;
        sections++;
        char **at = line;
        while (next_example(&at, &example)) {
            size_t expected = count_elements(example.from_client ? *line : answer);
            CHECK_EQUAL(example.data[0], 0x90 + expected);
        }
    }
    CHECK_EQUAL(sections, 16);
}

static void the_examples_of_keys_are_keys_in_ascending_order(void)
{
    char cells[CELLS_MAX][128], printed[128];
    struct example key = {.size = 0}, before = {.size = 0};
    size_t count = 0;
    for (char **line = find_heading("| key | encoded |") + 2; (*line)[0] == '|'; line++, count++) {
        CHECK_EQUAL(read_row(*line, cells), 2);
        cells[1][strlen(cells[1]) - 1] = '\0';
        key.size = 0;
        add_hex(&key, cells[1] + 1);
        struct bytes encoded = {key.data, key.size}, last = {before.data, before.size};
        CHECK(key_is_valid(encoded));
        CHECK(key_compare(last, encoded) < 0);
        key_print(encoded, printed, sizeof printed);
        CHECK(strcmp(printed, cells[0]) == 0);
        before = key;
    }
    CHECK(count >= 13);
}

static const struct unit_test tests[] = {
    UNIT(the_document_is_there),
    UNIT(the_table_of_statuses_is_the_code_s),
    UNIT(the_table_of_verbs_is_the_code_s),
    UNIT(the_table_of_limits_is_the_header_s),
    UNIT(every_example_is_a_frame_and_encoded_again_the_same_bytes),
    UNIT(every_verb_has_an_example_in_its_section),
    UNIT(requests_and_answers_have_as_many_fields_as_their_sections_say),
    UNIT(the_examples_of_keys_are_keys_in_ascending_order),
};

int main(void)
{
    int failed = unit_run("protocol", tests, sizeof tests / sizeof *tests);
    codec_free(codec);
    free(lines[0]);
    return failed;
}
